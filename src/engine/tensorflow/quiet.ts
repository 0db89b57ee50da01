/**
 * Keeps TensorFlow's own log to errors.
 *
 * @module
 */

/** `absl::SetMinLogLevel(absl::LogSeverityAtLeast)` in TensorFlow 2.21. */
const SET_MIN_LOG_LEVEL =
  "_ZN4absl12lts_2025081414SetMinLogLevelENS0_18LogSeverityAtLeastE";
const ERROR = 2;

/**
 * Silences what TensorFlow logs while it loads, which none of its environment
 * variables reaches. Where that does not work, a few lines more are shown.
 *
 * @param bindingPath The binding that our set-up built.
 */
export function quietLogs(bindingPath: string): void {
  const folder = bindingPath.replace(/[^/]*$/, "site/tensorflow");
  try {
    const { symbols } = Deno.dlopen(
      `${folder}/libtensorflow_framework.so.2`,
      { [SET_MIN_LOG_LEVEL]: { parameters: ["i32"], result: "void" } },
    );
    symbols[SET_MIN_LOG_LEVEL](ERROR);
  } catch {
    // Another layout or another release.
  }
}
