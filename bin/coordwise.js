#!/usr/bin/env node
import { existsSync } from 'node:fs';

const cli = new URL('../dist/cli.js', import.meta.url);
if (!existsSync(cli)) {
  console.error('coordwise is not built yet: run `npm run build` in its folder.');
  process.exit(1);
}
const { main } = await import(cli.href);
await main(process.argv.slice(2));
