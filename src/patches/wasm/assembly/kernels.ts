// The patch transforms for WebAssembly with SIMD, in AssemblyScript. The caller manages
// the memory: see ../wasm_transforms.ts.
export { blendWith, grayscale, saturate, solarize, sumOfLuma } from "./colour";
export { turnHue } from "./hue";
export { resizeColumns, resizeRows } from "./resize";
export { blurColumns, flip, transpose } from "./blur";
