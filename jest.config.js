/** Jest runs what tsc built, so the tests run the very code that ships and types are checked before any test runs. */
export default {
  rootDir: 'dist/tests',
  testMatch: ['**/*.test.js'],
  transform: {},
  testTimeout: 60_000,
  maxWorkers: 2,
  globalSetup: './support/global-setup.js',
  globalTeardown: './support/global-teardown.js',
};
