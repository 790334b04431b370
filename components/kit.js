// What a part that is loaded later uses of the part that is there already: see parts.js. `look` is its own style sheet.
export let h;
export let icon;
export let part;
export let look;

export function use(kit) {
  ({ h, icon, part, look } = kit);
}
