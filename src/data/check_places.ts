/**
 * Checks that a data set reads the folder and the file of classes that are given for it.
 *
 * @module
 */
import { EmpSslError } from "../common/errors.ts";
import { datasetEntry, isGenerated } from "./catalog.ts";
import { isModule } from "./own_data.ts";

/**
 * Rejects a folder, or a file of classes, that a data set would not read.
 *
 * @param action What is done with the data, for messages.
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkPlaces(
  { data, dataDir, classes }: {
    data: string;
    dataDir?: string;
    classes?: string;
  },
  action: string,
): void {
  const refuse = (subject: string, found: string, remedy: string) => {
    throw new EmpSslError({
      ...{ action, subject, found, remedy, code: "INVALID_ARGUMENT" },
    });
  };
  const files = { "--data-dir": dataDir, "--classes": classes };
  for (const [flag, value] of Object.entries(files)) {
    if (value === undefined || !isGenerated(data)) continue;
    refuse(
      `${flag} ${value}`,
      `the data set ${data} is made by the program`,
      "name your data with --data, such as --data folder",
    );
  }
  if (classes !== undefined && !datasetEntry(data).classFile) {
    refuse(
      `--classes ${classes}`,
      `only imagenet100 chooses classes by a file, not ${data}`,
      "leave it out, or put the classes you want into a folder of their own",
    );
  }
  if (dataDir !== undefined && isModule(data)) {
    refuse(
      `--data-dir ${dataDir}`,
      "a module opens its data itself",
      "leave it out, or give it to the module by --data-options",
    );
  }
}
