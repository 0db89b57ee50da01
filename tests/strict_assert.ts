/**
 * Loaded before the examples in the docstrings run: makes a failed `console.assert`
 * throw. By default it only prints a line, and the test would pass.
 */
console.assert = (condition?: boolean, ...data: unknown[]) => {
  if (!condition) throw new Error(`Assertion failed ${data.join(" ")}`);
};
