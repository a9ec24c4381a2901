/**
 * The one error type that reaches a client. Its fields are those of ErrorResponse and NoticeResponse
 * (PostgreSQL manual, "Error and Notice Message Fields").
 */

export type Severity = 'ERROR' | 'FATAL' | 'PANIC' | 'WARNING' | 'NOTICE' | 'DEBUG' | 'INFO' | 'LOG';

/** What a report carries beside its message. Positions count characters, from 1. */
export interface PgReportFields {
  readonly severity?: Severity;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: number;
  readonly internalPosition?: number;
  readonly internalQuery?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: string;
  readonly routine?: string;
}

/** An error with a SQLSTATE, as PostgreSQL would report it. */
export class PgError extends Error {
  override readonly name = 'PgError';
  readonly sqlstate: string;
  readonly fields: PgReportFields;

  constructor(sqlstate: string, message: string, fields: PgReportFields = {}) {
    super(message);
    this.sqlstate = sqlstate;
    this.fields = fields;
  }

  get severity(): Severity {
    return this.fields.severity ?? 'ERROR';
  }
}

/** A notice: the same fields, not an error. */
export interface PgNotice extends PgReportFields {
  readonly severity: Severity;
  readonly sqlstate: string;
  readonly message: string;
}

/** The SQLSTATEs that pgring itself raises (PostgreSQL manual, appendix A). */
export const sqlstate = {
  featureNotSupported: '0A000',
  connectionException: '08000',
  connectionFailure: '08006',
  transactionResolutionUnknown: '08007',
  protocolViolation: '08P01',
  invalidParameterValue: '22023',
  characterNotInRepertoire: '22021',
  numericValueOutOfRange: '22003',
  invalidTextRepresentation: '22P02',
  invalidBinaryRepresentation: '22P03',
  inFailedSqlTransaction: '25P02',
  idleInTransactionTimeout: '25P03',
  transactionTimeout: '25P04',
  activeSqlTransaction: '25001',
  noActiveSqlTransaction: '25P01',
  invalidSqlStatementName: '26000',
  invalidAuthorization: '28000',
  invalidPassword: '28P01',
  invalidCursorState: '24000',
  invalidCursorName: '34000',
  transactionRollback: '40000',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  invalidCatalogName: '3D000',
  savepointException: '3B001',
  syntaxError: '42601',
  undefinedFunction: '42883',
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  undefinedParameter: '42P02',
  undefinedObject: '42704',
  wrongObjectType: '42809',
  duplicateCursor: '42P03',
  duplicatePreparedStatement: '42P05',
  objectNotInPrerequisiteState: '55000',
  outOfMemory: '53200',
  tooManyConnections: '53300',
  programLimitExceeded: '54000',
  statementTooComplex: '54001',
  insufficientPrivilege: '42501',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  idleSessionTimeout: '57P05',
  cannotConnectNow: '57P03',
  configFileError: 'F0000',
  internalError: 'XX000',
} as const;

/** A position in SQL of pgring's own is none in the client's. */
export function withoutPosition(error: PgError): PgError {
  const { position: _position, ...fields } = error.fields;
  return new PgError(error.sqlstate, error.message, fields);
}

const REFUSED = ' is not supported by pgring yet';

/**
 * A refusal: what pgring cannot do exactly. It names the construct and shows the way out (DESIGN.md, promise 1).
 * Every refusal must be made here, so that the list of what is refused can be found by its callers.
 */
export function refuse(construct: string, hint: string, fields: PgReportFields = {}): PgError {
  return new PgError(sqlstate.featureNotSupported, `${construct}${REFUSED}`, { ...fields, hint });
}

/** What a refusal refuses; undefined for other errors. */
export function refusedConstruct(error: unknown): string | undefined {
  if (!(error instanceof PgError) || error.sqlstate !== sqlstate.featureNotSupported) return undefined;
  return error.message.endsWith(REFUSED) ? error.message.slice(0, -REFUSED.length) : error.message;
}
