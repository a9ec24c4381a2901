/** The door: whether a client may come in, and what pgring knows of it for the servers. */

import { setTimeout as sleep } from 'node:timers/promises';
import { PgError, sqlstate } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import type { AuthenticationRule } from '../../catalog/config-access.js';
import type { Config } from '../../catalog/config.js';
import { Authenticator, type Applicant, type Proof } from './authenticate.js';
import { ClientTls } from './client-tls.js';
import { LogInFailures } from './failures.js';
import { RoleSecrets, type AskHome } from './role-secrets.js';
import { fatal, findRule, noEntry, type ClientClaim, type ClientOrigin } from './rules.js';

export class Door {
  readonly #config: () => Config;
  readonly #secrets: RoleSecrets;
  readonly #authenticator: Authenticator;
  readonly #failures: LogInFailures;
  readonly #log: Logger;
  #tls: ClientTls | undefined;

  /** Errors: files of the configuration that cannot be used. */
  constructor(config: () => Config, askHome: AskHome, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#secrets = new RoleSecrets(config, askHome, log);
    this.#authenticator = new Authenticator(async (user) => await this.#secrets.roleOf(user));
    this.#failures = new LogInFailures(() => config().limits);
    this.#tls = this.#openTls();
  }

  /** Undefined: clients are not offered encryption. */
  get tls(): ClientTls | undefined {
    return this.#tls;
  }

  /** The configuration may be another. Errors: files of it that cannot be used; then what was before holds. */
  reload(): void {
    this.#secrets.reload();
    if (JSON.stringify(this.#tls?.config) !== JSON.stringify(this.#config().tls)) this.#tls = this.#openTls();
  }

  /** Roles may have other passwords now. */
  forgetSecrets(): void {
    this.#secrets.forget();
  }

  /** What to give the servers for a client that is in. Errors: 28000 and 28P01, in PostgreSQL's words. */
  async admit(origin: ClientOrigin, claim: ClientClaim, applicant: Applicant): Promise<Proof> {
    this.#refuseGuesser(origin);
    const rule = this.#ruleFor(origin, claim);
    try {
      const proof = await this.#authenticator.authenticate(rule, applicant);
      return { ...this.#secrets.ownProof(claim.user), ...proof };
    } catch (error) {
      if (isFailure(error, rule)) await this.#noteFailure(origin, claim);
      throw error;
    }
  }

  #openTls(): ClientTls | undefined {
    const { tls, limits } = this.#config();
    return tls === undefined ? undefined : new ClientTls(tls, limits.startupTimeoutMs, this.#log);
  }

  #ruleFor(origin: ClientOrigin, claim: ClientClaim): AuthenticationRule {
    const { authentication, tls } = this.#config();
    const rule = findRule(authentication.rules, origin, claim);
    const mode = origin.kind === 'local' ? undefined : tls?.mode;
    const mustEncrypt = mode === 'require' || mode === 'verify-ca' || mode === 'verify-full';
    const isBare = mustEncrypt && origin.kind === 'tcp' && !origin.isEncrypted;
    if (rule === undefined || rule.method === 'reject' || isBare) {
      throw noEntry(isBare ? undefined : rule, origin, claim);
    }
    if (mode !== 'verify-ca' && mode !== 'verify-full') return rule;
    return { ...rule, clientCertificate: rule.clientCertificate ?? mode };
  }

  #refuseGuesser(origin: ClientOrigin): void {
    if (origin.kind === 'local') return;
    const waitMs = this.#failures.refusedMs(origin.address);
    if (waitMs === 0) return;
    throw new PgError(sqlstate.invalidAuthorization, `too many failed log-ins from ${origin.address}`, {
      severity: 'FATAL',
      hint: `Try again in ${Math.ceil(waitMs / 1000)} s (limits.authentication_failures).`,
    });
  }

  /** Those who share the machine with pgring are not told apart, so none can lock the others out. */
  async #noteFailure(origin: ClientOrigin, { user, database }: ClientClaim): Promise<void> {
    const address = origin.kind === 'local' ? '[local]' : origin.address;
    this.#log.warn({ user, database, address }, 'a log-in failed');
    if (origin.kind === 'tcp') await sleep(this.#failures.note(address), undefined, { ref: false });
  }
}

/** Whether an error says that somebody is not who it claims to be. */
function isFailure(error: unknown, rule: AuthenticationRule): boolean {
  if (!(error instanceof PgError)) return false;
  return error.sqlstate === sqlstate.invalidPassword || (rule.method === 'cert' && error.sqlstate.startsWith('28'));
}

/** A client that took too long to prove who it is (postgres.c, ProcessInterrupts). */
export const logInTimeout = fatal(sqlstate.queryCanceled, 'canceling authentication due to timeout');
