/** Jest's global teardown: see server-keeper.ts. */

import { closeKeeper } from './server-keeper.js';

export default closeKeeper;
