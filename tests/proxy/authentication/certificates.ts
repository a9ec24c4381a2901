/** Keys and certificates for tests, made by openssl: an authority, servers, and clients. */

import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes what is signed by one authority, in a folder. */
export class Authority {
  readonly certificate: string;
  readonly #folder: string;
  readonly #key: string;

  constructor(folder: string, name = 'ca') {
    this.#folder = folder;
    this.certificate = join(folder, `${name}.crt`);
    this.#key = join(folder, `${name}.key`);
    openssl(`req -x509 ${newKey} -days 30 -subj /CN=${name} -keyout ${this.#key} -out ${this.certificate}`);
  }

  /** A certificate for a common name, with names and addresses that a server is reached by. */
  issue(commonName: string, alternatives = '', file = commonName): Certificate {
    const certificate = join(this.#folder, `${file}.crt`);
    const key = join(this.#folder, `${file}.key`);
    const request = join(this.#folder, `${file}.csr`);
    openssl(`req ${newKey} -subj /CN=${commonName} -keyout ${key} -out ${request}`);
    const extensions = join(this.#folder, `${file}.ext`);
    writeFileSync(extensions, alternatives === '' ? '' : `subjectAltName=${alternatives}\n`);
    const signer = `-CA ${this.certificate} -CAkey ${this.#key} -CAcreateserial`;
    openssl(`x509 -req -in ${request} ${signer} -days 30 -extfile ${extensions} -out ${certificate}`);
    // libpq refuses keys that others may read.
    chmodSync(key, 0o600);
    return { certificate, key };
  }
}

const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

/** No name in these commands has a space. */
function openssl(command: string): void {
  execFileSync('openssl', command.split(' '), { stdio: 'ignore' });
}
