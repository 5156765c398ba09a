/** Every board, in the order of the list in docs/grafana.md. */
import type { Board } from './board.ts';
import { ALERTS_BOARD } from './boards/alerts.ts';
import { CAPACITY_BOARD } from './boards/capacity.ts';
import { COLLECTOR_BOARD } from './boards/collector.ts';
import { FLEET_BOARD } from './boards/fleet.ts';
import { HOST_BOARD } from './boards/host.ts';
import { INVENTORY_BOARD } from './boards/inventory.ts';

export const BOARDS: readonly Board[] = [
  FLEET_BOARD,
  HOST_BOARD,
  CAPACITY_BOARD,
  ALERTS_BOARD,
  INVENTORY_BOARD,
  COLLECTOR_BOARD,
];
