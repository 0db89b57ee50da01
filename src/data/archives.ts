/**
 * Where data sets are downloaded from.
 *
 * @module
 */

import { EmpSslError } from "../common/errors.ts";

/** An archive of a data set. */
export interface Archive {
  /** The official address. */
  url: string;
  /** MD5 of the file, as its publisher or torchvision gives it. */
  md5: string;
  /** The folder inside it. */
  folder: string;
  /** Approximate size of the file in bytes. */
  bytes: number;
  /** The name of its folder in our cache. */
  home: string;
}

const CIFAR100: Archive = {
  url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
  md5: "03b5dce01913d631647c71ecec9e9cb8",
  folder: "cifar-100-binary",
  bytes: 168_513_733,
  home: "cifar100",
};

/** The archives by the names of their data sets. */
export const ARCHIVES: Readonly<Record<string, Archive>> = {
  cifar10: {
    url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
    folder: "cifar-10-batches-bin",
    bytes: 170_052_171,
    home: "cifar10",
  },
  cifar100: CIFAR100,
  "cifar100-coarse": CIFAR100,
  tinyimagenet: {
    url: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    md5: "90528d7ca1a48142e341f4ef8d21d0de",
    folder: "tiny-imagenet-200",
    bytes: 248_100_043,
    home: "tinyimagenet",
  },
};

/**
 * The archive at another address. A mirror must have the same file; for another file,
 * its digest is given after the address: `#md5=…`.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it is not a URL.
 */
export function archiveAt(archive: Archive, url: string | undefined): Archive {
  if (url === undefined) return archive;
  if (!URL.canParse(url)) {
    throw new EmpSslError({
      action: "download from",
      subject: `--data-url ${url}`,
      found: "it is not a URL",
      remedy: "give an address that begins with https://",
      code: "INVALID_ARGUMENT",
    });
  }
  const [address = url, fragment = ""] = url.split("#");
  const md5 = /^md5=([0-9a-f]{32})$/i.exec(fragment)?.[1];
  if (fragment !== "" && md5 === undefined) {
    throw new EmpSslError({
      action: "download from",
      subject: `--data-url ${url}`,
      found: `#${fragment} is no digest`,
      remedy: "give #md5= and 32 hexadecimal digits, or leave it out",
      code: "INVALID_ARGUMENT",
    });
  }
  return { ...archive, url: address, md5: md5?.toLowerCase() ?? archive.md5 };
}

/** Whether two data sets are read from the same files. */
export function sameFiles(name: string, other: string): boolean {
  const home = (name: string) => ARCHIVES[name]?.home ?? name;
  return home(name) === home(other);
}
