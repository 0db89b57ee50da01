/**
 * Classes that are known by nothing but the labels of the images.
 *
 * @module
 */

/** Whether all are whole numbers. */
export function areNumbers(names: readonly string[]): boolean {
  return names.every((name) => /^\d+$/.test(name));
}

/** Each name once, in order: by number where all are numbers. */
export function classNames(labels: Iterable<string>): string[] {
  const names = [...new Set(labels)];
  return areNumbers(names)
    ? names.sort((a, b) => Number(a) - Number(b))
    : names.sort();
}

/** The class of each label: its place among the names, and 0 without a label. */
export function classIndices(
  labels: readonly (string | undefined)[],
  names: readonly string[],
): number[] {
  const places = new Map(names.map((name, i) => [name, i]));
  return labels.map((label) => places.get(label ?? "") ?? 0);
}
