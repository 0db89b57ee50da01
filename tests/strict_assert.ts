/**
 * Loaded before the examples in the docstrings run: a failed `console.assert` only
 * prints a line, and their tests would pass.
 */
console.assert = (condition?: boolean, ...data: unknown[]) => {
  if (!condition) throw new Error(`Assertion failed ${data.join(" ")}`);
};
