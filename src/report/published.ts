/**
 * The paper's linear accuracies (its tables of 20 patches), to stand beside a
 * run's.
 *
 * @module
 */

/** Top-1 by data set and epochs. */
const PUBLISHED: Record<string, Record<number, number>> = {
  cifar10: { 1: 0.842, 10: 0.907, 30: 0.931 },
  cifar100: { 1: 0.585, 10: 0.678, 30: 0.724 },
  tinyimagenet: { 1: 0.381, 10: 0.515 },
  imagenet100: { 1: 0.585, 10: 0.789 },
};

/** What the paper has for a data set, in words; nothing where it has none. */
export function publishedFor(data: string): string | undefined {
  const rows = Object.entries(PUBLISHED[data] ?? {});
  if (rows.length === 0) return undefined;
  return rows.map(([epochs, top1]) => `${epochs} epochs: ${top1.toFixed(3)}`)
    .join("; ");
}
