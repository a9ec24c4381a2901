/** Placeholder until router/transaction/recovery is wired. */
