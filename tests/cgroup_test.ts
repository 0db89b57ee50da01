/** The memory that a container leaves to its processes. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { containerMemory } from "../src/engine/cgroup.ts";

const ignore = Deno.build.os !== "linux";

function left(files: Record<string, string>): number | undefined {
  return containerMemory((path) => files[path]);
}

Deno.test({
  name: `version 2: the least of the limits above a process counts${
    ignore ? " (skipped: Linux alone has control groups)" : ""
  }`,
  ignore,
  fn() {
    const root = "/sys/fs/cgroup";
    const files = {
      "/proc/self/cgroup": "0::/pod/job\n",
      [`${root}/pod/memory.max`]: "8000\n",
      [`${root}/pod/memory.current`]: "5000\n",
      [`${root}/pod/memory.stat`]: "anon 4000\ninactive_file 700\n",
      [`${root}/pod/job/memory.max`]: "max\n",
      [`${root}/pod/job/memory.current`]: "3000\n",
    };
    assertEquals(left(files), 8000 - 5000 + 700);
    const tight = { ...files, [`${root}/pod/job/memory.max`]: "3500\n" };
    assertEquals(left(tight), 500);
    const over = { ...files, [`${root}/pod/job/memory.max`]: "2000\n" };
    assertEquals(left(over), 0);
    assertEquals(left({ "/proc/self/cgroup": "0::/\n" }), undefined);
    assertEquals(left({}), undefined);
  },
});

Deno.test({
  name: `version 1: the largest number is no limit${
    ignore ? " (skipped: Linux alone has control groups)" : ""
  }`,
  ignore,
  fn() {
    const root = "/sys/fs/cgroup/memory";
    const files = {
      "/proc/self/cgroup": "5:cpu:/a\n4:hugetlb,memory:/a\n0::/\n",
      [`${root}/memory.limit_in_bytes`]: "9223372036854771712\n",
      [`${root}/memory.usage_in_bytes`]: "1\n",
      [`${root}/a/memory.limit_in_bytes`]: "9000\n",
      [`${root}/a/memory.usage_in_bytes`]: "2000\n",
      [`${root}/a/memory.stat`]: "cache 1\ntotal_inactive_file 300\n",
    };
    assertEquals(left(files), 9000 - 2000 + 300);
    const none = { ...files };
    none[`${root}/a/memory.limit_in_bytes`] = "9223372036854771712\n";
    assertEquals(left(none), undefined);
  },
});

Deno.test({
  name: "files of the system are read with the permissions of a task",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const file = new URL("../src/common/system_file.ts", import.meta.url).href;
    const code = `import { readSystemFile } from "${file}";
      console.log(readSystemFile("/proc/version"), readSystemFile("/proc/no"));`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--allow-read", "--allow-ffi"],
        `data:text/typescript,${encodeURIComponent(code)}`,
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertStringIncludes(text, "Linux version");
    assertStringIncludes(text, "undefined");
  },
});
