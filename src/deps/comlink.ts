/**
 * Comlink: calls between the main thread and the workers. An EmpSslError that a call
 * throws in the other thread arrives as one, with its code.
 *
 * @module
 */
import { transferHandlers } from "npm:comlink@4.4.2";
import { EmpSslError } from "../common/errors.ts";

export * from "npm:comlink@4.4.2";

/** What Comlink sends of an error; `code` is ours. */
interface SentError {
  isError: boolean;
  value: { message: string; name: string; stack: string; code?: unknown };
}

const usual = transferHandlers.get("throw")!;

transferHandlers.set("throw", {
  canHandle: usual.canHandle,
  serialize(thrown) {
    const [sent, transferred] = usual.serialize(thrown);
    const { value: error } = thrown as { value: unknown };
    if (error instanceof EmpSslError) {
      (sent as SentError).value.code = error.code;
    }
    return [sent, transferred];
  },
  // Comlink's own adds all fields that were sent to a new Error, and throws it.
  deserialize(sent) {
    const isOurs = (sent as SentError).isError &&
      (sent as SentError).value.code !== undefined;
    try {
      return usual.deserialize(sent);
    } catch (error) {
      throw isOurs
        ? Object.setPrototypeOf(error, EmpSslError.prototype)
        : error;
    }
  },
});
