/** pg_backend_pid() in expressions that the home shard evaluates for a client. */

/** The home shard's connection has another process id than the client's session. A text with literals stays as it is. */
export function withOwnProcess(sql: string, processId: number): string {
  return sql.includes("'")
    ? sql
    : sql.replaceAll(/(?:\bpg_catalog\s*\.\s*)?\bpg_backend_pid\s*\(\s*\)/gi, String(processId));
}
