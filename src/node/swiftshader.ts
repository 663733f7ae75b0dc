import { createReadStream } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar';

/** Paths of the unpacked software adapter. */
export interface SwiftShaderFiles {
  /** The Vulkan loader, libvulkan.so.1. */
  readonly loader: string;
  /** The driver manifest for VK_DRIVER_FILES. */
  readonly driver: string;
}

/**
 * Unpacks the SwiftShader that the npm package @sparticuz/chromium carries into `cache`, once: beside its
 * place and then renamed, so that processes that start together do not meet. Undefined where the package is
 * not installed or made for another platform (it is Linux x64 only).
 */
export async function unpackSwiftShader(cache: string): Promise<SwiftShaderFiles | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const packageFolder = findPackage('@sparticuz/chromium');
  if (!packageFolder) return undefined;
  const manifest: unknown = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? String(manifest.version)
      : '0';
  const folder = join(cache, `swiftshader-${version}`);
  const files = { loader: join(folder, 'libvulkan.so.1'), driver: join(folder, 'vk_swiftshader_icd.json') };
  if (await exists(files.driver)) return files;
  await mkdir(cache, { recursive: true });
  const beside = await mkdtemp(join(cache, 'unpacking-'));
  try {
    const archive = createReadStream(join(packageFolder, 'bin', 'swiftshader.tar.br'));
    await pipeline(archive, createBrotliDecompress(), extract({ cwd: beside }));
    await rename(beside, folder).catch(async (error: unknown) => {
      if (!(await exists(files.driver))) throw error;
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return files;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function findPackage(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return dirname(require.resolve(`${name}/package.json`, { paths: [folder] }));
    } catch {
      // `exports` may hide package.json: look for the entry point and go up instead.
      try {
        const entry = require.resolve(name, { paths: [folder] });
        const at = entry.lastIndexOf(join('node_modules', name));
        if (at >= 0) return entry.slice(0, at + join('node_modules', name).length);
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}
