import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests take the kernels that the adapter's kind decides; tests/kernelChoice.test.ts times them.
    env: { COORDWISE_LSTM: 'default' },
  },
});
