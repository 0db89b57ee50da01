/**
 * Class names of data sets that have labels but no list of classes.
 *
 * @module
 */

/** Whether all names are whole numbers. */
export function areNumbers(names: readonly string[]): boolean {
  return names.every((name) => /^\d+$/.test(name));
}

/** The distinct labels, sorted: numerically where all are numbers. */
export function classNames(labels: Iterable<string>): string[] {
  const names = [...new Set(labels)];
  return areNumbers(names)
    ? names.sort((a, b) => Number(a) - Number(b))
    : names.sort();
}

/** The class index of each label: its index in `names`, and 0 without a label. */
export function classIndices(
  labels: readonly (string | undefined)[],
  names: readonly string[],
): number[] {
  const places = new Map(names.map((name, i) => [name, i]));
  return labels.map((label) => places.get(label ?? "") ?? 0);
}
