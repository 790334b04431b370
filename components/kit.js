// What the parts that are loaded later use of the part that is there already: given to them, so that it exists once
// whatever address the page loaded it from (`clarion.js?v=3`).
export let h;
export let icon;
export let sheet;

export function use(kit) {
  ({ h, icon, sheet } = kit);
}
