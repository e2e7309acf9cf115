// The short version of tests/soak/page.mjs.
import { soak } from '../soak/page.mjs';

await soak(25);
console.log('ok');
