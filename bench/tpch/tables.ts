/** TPC-H's eight tables (specification, 1.4), and where their rows go. */

interface TpchTable {
  readonly name: string;
  /** What stands between the parentheses of CREATE TABLE. */
  readonly definition: string;
  /** Columns of foreign keys, which get indexes. */
  readonly indexed: readonly string[];
  /** The placement of (a); in (b) there is none and pgring decides: by the first column. */
  readonly placement: string;
}

export type Layout = 'co-located' | 'default';

export const tables: readonly TpchTable[] = [
  {
    name: 'region',
    definition: 'r_regionkey integer PRIMARY KEY, r_name char(25) NOT NULL, r_comment varchar(152)',
    indexed: [],
    placement: "pgring.placement = 'reference'",
  },
  {
    name: 'nation',
    definition:
      'n_nationkey integer PRIMARY KEY, n_name char(25) NOT NULL, n_regionkey integer NOT NULL, n_comment varchar(152)',
    indexed: ['n_regionkey'],
    placement: "pgring.placement = 'reference'",
  },
  {
    name: 'supplier',
    definition:
      's_suppkey integer PRIMARY KEY, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, ' +
      's_nationkey integer NOT NULL, s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL, ' +
      's_comment varchar(101) NOT NULL',
    indexed: ['s_nationkey'],
    placement: "pgring.placement = 'reference'",
  },
  {
    name: 'part',
    definition:
      'p_partkey integer PRIMARY KEY, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL, ' +
      'p_type varchar(25) NOT NULL, p_size integer NOT NULL, p_container char(10) NOT NULL, ' +
      'p_retailprice numeric(15,2) NOT NULL, p_comment varchar(23) NOT NULL',
    indexed: [],
    placement: "pgring.shard_key = 'p_partkey'",
  },
  {
    name: 'partsupp',
    definition:
      'ps_partkey integer NOT NULL, ps_suppkey integer NOT NULL, ps_availqty integer NOT NULL, ' +
      'ps_supplycost numeric(15,2) NOT NULL, ps_comment varchar(199) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey)',
    indexed: ['ps_suppkey'],
    placement: "pgring.shard_key = 'ps_partkey'",
  },
  {
    name: 'customer',
    definition:
      'c_custkey integer PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, ' +
      'c_nationkey integer NOT NULL, c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL, ' +
      'c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL',
    indexed: ['c_nationkey'],
    placement: "pgring.shard_key = 'c_custkey'",
  },
  {
    name: 'orders',
    definition:
      'o_orderkey integer PRIMARY KEY, o_custkey integer NOT NULL, o_orderstatus char(1) NOT NULL, ' +
      'o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, ' +
      'o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL',
    indexed: ['o_custkey'],
    placement: "pgring.shard_key = 'o_orderkey'",
  },
  {
    name: 'lineitem',
    definition:
      'l_orderkey integer NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL, ' +
      'l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, ' +
      'l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, ' +
      'l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, ' +
      'l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, ' +
      'l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber)',
    indexed: ['l_partkey, l_suppkey', 'l_suppkey'],
    placement: "pgring.shard_key = 'l_orderkey'",
  },
];

/** CREATE TABLE, on one PostgreSQL without a layout. */
export function createTable(table: TpchTable, layout: Layout | undefined): string {
  const placed = layout === 'co-located' ? ` WITH (${table.placement})` : '';
  return `CREATE TABLE ${table.name} (${table.definition})${placed}`;
}

/** What makes the loaded table as fast as it will be. */
export function finishTable(table: TpchTable): readonly string[] {
  return [...table.indexed.map((columns) => `CREATE INDEX ON ${table.name} (${columns})`), `ANALYZE ${table.name}`];
}
