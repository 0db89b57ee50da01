/** Messages as a command line shows them: for tests of what users of it read. */
import { nameFlags } from "../src/errors.ts";

nameFlags();
