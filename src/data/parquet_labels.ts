/**
 * The labels and classes of Parquet files.
 *
 * @module
 */
import { areNumbers, classIndices, classNames } from "./class_names.ts";
import { invalidData } from "./parquet_columns.ts";
import { sharedUint32 } from "./shared_numbers.ts";

/** The kind of a label. */
function kindOf(label: unknown): "number" | "text" | "other" {
  if (typeof label === "string") return "text";
  return ["number", "bigint", "boolean"].includes(typeof label)
    ? "number"
    : "other";
}

/**
 * Translates the labels of a file, indices into its list of classes, to indices into
 * the list of the first file.
 *
 * @throws {EmpSslError} `INVALID_DATA` where the files have different classes.
 */
export function labelsAs(
  first: string[] | undefined,
  own: string[] | undefined,
  path: string,
): (label: unknown) => unknown {
  if (own === undefined || first?.join("\0") === own.join("\0")) {
    return (label) => label;
  }
  const places = own.map((name) => first?.indexOf(name) ?? -1);
  if (places.includes(-1)) {
    throw invalidData(
      path,
      "its list of classes has others than that of the first file",
      "give all files the same classes",
    );
  }
  // null is no label, and not class 0.
  return (label) => label == null ? label : places[Number(label)] ?? label;
}

/**
 * The class names of some labels, and the class index of each.
 *
 * @param names The names of the classes, where the files have them.
 * @param column The name of the labels' column, and whether the user has named it.
 * @throws {EmpSslError} `INVALID_DATA` for labels that are no classes.
 */
export function classesOf(
  values: unknown[],
  names: string[] | undefined,
  dir: string,
  { name: column, isNamed }: { name: string; isNamed: boolean },
): { classes: readonly string[]; labels?: Uint32Array } {
  const kinds = new Set(values.filter((value) => value != null).map(kindOf));
  // A column of lists or objects, as of detections, has no classes.
  if (kinds.has("other") && !isNamed) return { classes: [] };
  const missing = values.filter((value) =>
    value == null || Number(value) === -1
  );
  // As the test parts of the Hub's data sets have them: without labels. Or no column.
  if (missing.length === values.length) return { classes: [] };
  if (missing.length > 0) {
    throw invalidData(
      dir,
      `${missing.length} of ${values.length} rows have no ${column}`,
      "give labels to all of them or to none, or name another column",
    );
  }
  if (kinds.size > 1 || kinds.has("other")) {
    throw invalidData(
      dir,
      kinds.has("other")
        ? `a ${column} is neither a number nor a text`
        : `its files have numbers and texts as ${column}`,
      `name another column: --data-options '{"label": "…"}'`,
    );
  }
  const texts = values.map(String), found = classNames(texts);
  // Hugging Face's labels are indices into its list of names.
  if (names !== undefined && areNumbers(found)) {
    const beyond = texts.find((name) => Number(name) >= names.length);
    if (beyond !== undefined) {
      const only = `only ${names.length} classes are named`;
      throw invalidData(
        dir,
        `a ${column} is ${beyond}, but ${only}`,
        `correct that ${column}`,
      );
    }
    return { classes: names, labels: sharedUint32(values.map(Number)) };
  }
  const labels = sharedUint32(classIndices(texts, found));
  return { classes: found, labels };
}
