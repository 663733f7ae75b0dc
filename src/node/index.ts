/** What belongs to Node: adapters, files and datasets. */
export {
  ADAPTER_CHOICES,
  type AdapterChoice,
  adapterFromEnvironment,
  adapterLine,
  openNodeContext,
} from './adapter.ts';
export { type DatasetSplits, loadDataset, type Resolution } from './datasets.ts';
export { errorCode, fileError, readFileChecked, readJsonFile, writeFileAtomic } from './files.ts';
export { loadGlyphs } from './glyphs.ts';
export { chooseKernels, type KernelChoice, type KernelChoiceOptions } from './kernelChoice.ts';
export { packageFile } from './packageFile.ts';
export { RunFolder } from './runFolder.ts';
