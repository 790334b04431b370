// Where a popover stands in browsers, or for popovers, that anchor positioning does not place.

/** Puts a popover below its button, or above where there is no room. */
export function place(popover, button) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const top = at.bottom + height + 8 > innerHeight ? Math.max(8, at.top - height - 4) : at.bottom + 4;
  const left = getComputedStyle(button).direction === 'rtl' ? at.left : at.right - width;
  popover.style.setProperty('top', `${top}px`);
  popover.style.setProperty('left', `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`);
}
