/** Rows that only macOS has, under the names of node_exporter. */
import { counter, gauge } from './definition.ts';

function memory(help: string) {
  return gauge({ unit: 'bytes', labels: [], scale: 0, help });
}

function swapped(help: string) {
  return counter({ unit: 'bytes', labels: [], scale: 0, help });
}

export const DARWIN_METRICS = {
  node_memory_total_bytes: memory('Memory of the machine.'),
  node_memory_active_bytes: memory('Memory used lately.'),
  node_memory_inactive_bytes: memory('Memory not used lately.'),
  node_memory_wired_bytes: memory('Memory that cannot be paged out.'),
  node_memory_free_bytes: memory('Memory that nothing uses.'),
  node_memory_compressed_bytes: memory('Memory that holds compressed pages.'),
  node_memory_internal_bytes: memory('Memory of programs without a file behind it.'),
  node_memory_purgeable_bytes: memory('Memory that programs allow to be taken away.'),
  node_memory_swap_total_bytes: memory('Size of swap.'),
  node_memory_swap_used_bytes: memory('Swap in use.'),
  node_memory_swapped_in_bytes_total: swapped('Bytes read back from swap.'),
  node_memory_swapped_out_bytes_total: swapped('Bytes written to swap.'),
} as const;
