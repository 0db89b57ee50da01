// The patch transforms for WebAssembly with SIMD, in AssemblyScript. They work
// on memory that the caller lays out: see ../wasm_transforms.ts.
export { blendWith, grayscale, saturate, solarize, sumOfLuma } from "./colour";
export { turnHue } from "./hue";
export { resizeColumns, resizeRows } from "./resize";
export { blurColumns, flip, transpose } from "./blur";
