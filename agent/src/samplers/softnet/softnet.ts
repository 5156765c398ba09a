/** Parses /proc/net/softnet_stat. Source: softnet_seq_show in net/core/net-procfs.c of Linux. */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import { ParseError, parseHexadecimal, words } from '../parse.ts';

interface Column {
  readonly index: number;
  readonly metric: MetricWithLabels<1>;
}

const COLUMNS: readonly Column[] = [
  { index: 0, metric: 'node_softnet_processed_total' },
  { index: 1, metric: 'node_softnet_dropped_total' },
  { index: 2, metric: 'node_softnet_times_squeezed_total' },
  { index: 8, metric: 'node_softnet_cpu_collision_total' },
  { index: 9, metric: 'node_softnet_received_rps_total' },
  { index: 10, metric: 'node_softnet_flow_limit_count_total' },
  { index: 11, metric: 'node_softnet_backlog_len' },
];
/** Column with the number of the processor, since Linux 5.14; before, line and number are the same. */
const CPU_COLUMN = 12;
/** Columns that every kernel since 2.6.32 has. */
const COLUMNS_MIN = 9;

export const SOFTNET_METRICS = COLUMNS.map(({ metric }) => metric);

export interface SoftnetValue {
  readonly metric: MetricWithLabels<1>;
  readonly value: number;
}

export interface Softnet {
  readonly cpu: string;
  /** As many as the kernel has columns for. */
  readonly values: readonly SoftnetValue[];
}

/**
 * What a line says of one processor.
 * @param number of the line, from 0
 * @throws ParseError
 */
export function parseSoftnet(line: string, number: number): Softnet {
  const row = words(line);
  if (row.length < COLUMNS_MIN) {
    throw new ParseError(`parse /proc/net/softnet_stat: ${row.length} columns in line ${number + 1}`);
  }
  const column = (index: number): number => parseHexadecimal(row[index], '/proc/net/softnet_stat');
  return {
    cpu: String(CPU_COLUMN < row.length ? column(CPU_COLUMN) : number),
    values: COLUMNS.filter(({ index }) => index < row.length).map(({ index, metric }) => ({
      metric,
      value: column(index),
    })),
  };
}
