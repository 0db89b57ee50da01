/** Imported by tests of messages that name flags, as on the command line. */
import { nameFlags } from "../src/common/errors.ts";

nameFlags();
