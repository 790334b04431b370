export { use } from './kit.js';
export class View {}
