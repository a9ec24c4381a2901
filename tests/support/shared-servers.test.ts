import { testedMajorVersion } from './cluster.js';
import { runPsql } from './psql.js';
import { describeWithTools } from './requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from './shared-servers.js';

describeWithTools(['psql'], 'the shared test servers', () => {
  it('are of the tested version, ready for two-phase commit, compare text by bytes, and hold the database', async () => {
    const { shards, oracle } = await createDatabaseEverywhere('support_shared_servers');
    expect(shards).toHaveLength(4);
    for (const { port, socketDirectory } of [...shards, oracle]) {
      const { stdout, stderr } = await runPsql(
        `SELECT current_setting('server_version_num')::int / 10000, current_setting('max_prepared_transactions'),
                current_setting('wal_level'), 'a' > 'B', current_database()`,
        { host: socketDirectory, port, database: 'support_shared_servers', tuplesOnly: true },
      );
      expect(stderr).toBe('');
      expect(stdout.trim()).toBe(`${testedMajorVersion()}|300|logical|t|support_shared_servers`);
    }
    await dropDatabaseEverywhere('support_shared_servers');
  });
});
