/** Jest's global setup: see server-keeper.ts. */

import { openKeeper } from './server-keeper.js';

export default openKeeper;
