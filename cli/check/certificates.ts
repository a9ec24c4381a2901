/** Probe: do the certificates of the configuration still hold? */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../../catalog/config.js';
import type { Finding } from './finding.js';

const DAY_MS = 24 * 3_600_000;
/** Whoever renews certificates does so before. */
const SOON_DAYS = 14;

export function probeCertificates(config: Config, now = Date.now()): readonly Finding[] {
  const files = new Map<string, string>();
  const add = (path: string, file: string | undefined): void => {
    if (file !== undefined && !files.has(file)) files.set(file, path);
  };
  add('tls.certificate', config.tls?.certificate);
  add('tls.client_ca', config.tls?.clientCa);
  for (const { tls } of config.shards) {
    add('server_tls.certificate', tls?.certificate);
    add('server_tls.ca', tls?.ca);
  }
  return [...files].flatMap(([file, path]) => judge(path, file, now));
}

function judge(path: string, file: string, now: number): readonly Finding[] {
  const { validTo } = new X509Certificate(readFileSync(file));
  const days = Math.floor((Date.parse(validTo) - now) / DAY_MS);
  if (days >= SOON_DAYS) return [];
  return [
    {
      severity: days < 0 ? 'error' : 'warning',
      path,
      subject: file,
      expected: `a certificate that holds for ${SOON_DAYS} days or more`,
      found: days < 0 ? `one that ended on ${validTo}` : `one that ends on ${validTo}`,
      advice: 'Replace the file; pgring uses the new one without a restart.',
    },
  ];
}
