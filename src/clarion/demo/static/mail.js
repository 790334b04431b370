// New mail: the list is shown anew, unless somebody reads one or has scrolled.
import { follow } from './top.js';

const { body } = document;
const reading = body.classList.contains('reading') || location.search;

follow(({ newest }) => {
  if (newest <= Number(body.dataset.newest)) return;
  if (reading || scrollY || document.activeElement !== body) document.getElementById('news').hidden = false;
  else location.reload();
});
