/** Alerting with what it needs of the other rooms, and what people do with it: links in messages, on-call, rule files. */
import { join, resolve } from 'node:path';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { Heartbeat } from '../alerting/heartbeat/heartbeat.ts';
import { linkKey } from '../alerting/links/key.ts';
import { createLinks, createLinkSigner, type Links } from '../alerting/links/links.ts';
import { plannedWork } from '../alerting/maintenance/planned-work.ts';
import { createSmtp } from '../alerting/notify/email/smtp.ts';
import { createReceivers } from '../alerting/notify/list.ts';
import type { Receiver } from '../alerting/notify/notifier.ts';
import { createPost, type Post } from '../alerting/notify/post.ts';
import { createTargetGuard } from '../alerting/notify/target.ts';
import { OnCallView } from '../alerting/on-call/view.ts';
import { createAlerting, type Alerting } from '../alerting/pipeline.ts';
import type { EvaluatePort, EvaluateRangePort } from '../alerting/ports.ts';
import { RuleShelf } from '../alerting/rule-files/rule-shelf.ts';
import { STOCK_RULE_DEFAULTS, stockRules } from '../alerting/rules/stock.ts';
import { readStockRules } from '../alerting/stock-rules/stock-rules.ts';
import { externalUrl } from '../config/derive.ts';
import { inventoryChanges } from '../fleet/inventory-changes.ts';
import type { QueryEngine } from '../query/query.ts';
import type { Basics } from './basics.ts';
import type { DataDir } from './data-dir.ts';
import type { Fleet } from './fleet.ts';
import type { QueryThreads } from './readers.ts';
import type { Stores } from './storage.ts';

export interface AlertingRoom {
  readonly alerting: Alerting;
  readonly receivers: readonly Receiver[];
  readonly onCall: OnCallView;
  readonly links: Links;
  readonly shelf: RuleShelf;
  /** Posts to receivers and to whom the heartbeat goes. */
  readonly post: Post;
}

interface AlertingNeeds {
  readonly dataDir: DataDir;
  readonly fleet: Fleet;
  readonly stores: Stores;
  readonly queries: QueryThreads;
}

/** Evaluates and delivers nothing before it is started. @throws AppError BAD_CONFIG */
export function openAlerting(basics: Basics, needs: AlertingNeeds): AlertingRoom {
  const { config, clock, randomBytes, metrics } = basics;
  const key = linkKey(needs.dataDir.state, randomBytes);
  const signer = { key, clock, externalUrl: externalUrl(config) };
  const guard = createTargetGuard({
    allowedRanges: config['allow-private-targets'],
    allowedPorts: config['allow-target-ports'],
  });
  const post = createPost({ clock, guard });
  const receivers = createReceivers(config.receivers, {
    post,
    mail: createSmtp({ clock, guard }),
    clock,
    externalUrl: signer.externalUrl,
    links: createLinkSigner(signer),
    // Alerting sends to receivers, and they ask it back while they send.
    evidenceOf: (incidentId, signal) => alerting.evidenceOf(incidentId, signal),
  });
  const paths = {
    rules: resolve(config['rules-dir'] ?? join(config['data-dir'], 'rules')),
    thresholds: resolve(config['thresholds-file'] ?? join(config['data-dir'], 'thresholds.yaml')),
  };
  const alerting = pipeline(basics, needs, { receivers, paths });
  follow(basics, needs, alerting);
  return {
    alerting,
    receivers,
    onCall: new OnCallView({ onCall: alerting.onCall, ...signer }),
    links: createLinks({
      key,
      clock,
      actions: alerting.actions,
      incident: (id) => alerting.incidents.get(id),
      ownerOf: (receiver) => alerting.onCall.ownerOf(receiver),
      counters: metrics,
    }),
    shelf: new RuleShelf({
      disk: nodeDisk,
      folder: paths.rules,
      thresholdsPath: paths.thresholds,
      checkThresholds: (text) => alerting.checkThresholds(text),
      changed: () => alerting.refreshRules(),
    }),
    post,
  };
}

/** The pipeline itself, as the settings want it. */
function pipeline(
  { config, clock, random, log, metrics }: Basics,
  { dataDir, fleet, stores, queries }: AlertingNeeds,
  {
    receivers,
    paths,
  }: {
    readonly receivers: readonly Receiver[];
    readonly paths: { readonly rules: string; readonly thresholds: string };
  },
): Alerting {
  const { hosts, inventory } = fleet;
  return createAlerting({
    state: dataDir.state,
    clock,
    random,
    log,
    hosts: fleet.watched,
    evaluate: evaluateWith(queries.forRules.engine),
    expect: (expressions) => queries.forRules.expect(expressions),
    // Evidence waits for people's queries, so that rules never wait for evidence.
    evaluateRange: evaluateRangeWith(queries.forPeople.engine),
    changesOf: (hostId, limit) =>
      hosts.get(hostId) === undefined ? [] : inventoryChanges(inventory, hostId, limit),
    processesOf: (hostId, span) => dataDir.reader.busiest({ agentId: hostId, ...span }),
    receivers,
    onCall: config['on-call'],
    routes: config.routes,
    inhibitRules: config['inhibit-rules'],
    dependencies: config.dependencies,
    rules: stockRules({
      ...STOCK_RULE_DEFAULTS,
      filesystemUsedRatioMax: config['disk-full-ratio'],
      filesystemFreeBytesMin: config['disk-full-bytes'],
      filesystemForMs: config['disk-full-for'],
    }),
    stockFiles: config['stock-rules'] === 'on' ? readStockRules(nodeDisk) : [],
    ruleFiles: { path: paths.rules, disk: nodeDisk },
    thresholds: { path: paths.thresholds, disk: nodeDisk },
    append: async (batch) => void (await stores.storage.append(batch)),
    externalUrl: externalUrl(config),
    limits: {
      evaluationIntervalMs: config['rule-interval'],
      incidentAgeMsMax: config['incident-retention'],
    },
    counters: metrics,
  });
}

/** Alerting hears of what happens in the other rooms, and they of planned work. */
function follow(
  { log, onStop }: Basics,
  { dataDir: { journal }, fleet: { hosts, presence, vitals } }: AlertingNeeds,
  alerting: Alerting,
): void {
  presence.followPlannedWork(plannedWork(alerting.delivery.maintenance, (id) => hosts.get(id)?.name));
  onStop(presence.onChange(() => alerting.nudge()));
  onStop(presence.onOutage(() => alerting.nudge()));
  onStop(journal.onCommitted(() => alerting.samplesCame()));
  onStop(
    hosts.onChange(({ kind, id }) => {
      if (kind === 'added') return;
      alerting.closeHost(id, `host was ${kind}`);
      vitals.forget(id);
      if (kind !== 'deleted') return;
      journal.deleteAgent(id).catch((error: unknown) => {
        log.error('data of a deleted host stays until it is too old', {
          hostId: id,
          error: describeError(error),
        });
      });
    }),
  );
  onStop(() => alerting.stop());
}

/** Tells somebody else that the collector lives, when the settings say whom. */
export function startHeartbeat(
  { config, clock, log, metrics, onStop }: Basics,
  { alerting, post }: AlertingRoom,
  { journal }: DataDir,
): void {
  const url = config['heartbeat-url'];
  if (url === undefined) return;
  const heartbeat = new Heartbeat({
    url,
    post,
    clock,
    log,
    counters: metrics,
    vitality: () => ({
      isJournalWritable: journal.stats().isWritable,
      evaluatedMs: alerting.stats().evaluatedMs,
      oldestDueMs: alerting.delivery.oldestDueMs(),
    }),
  });
  heartbeat.start();
  onStop(() => heartbeat.stop());
}

function evaluateWith(engine: QueryEngine): EvaluatePort {
  return async (expression, timeMs, signal, options) => {
    const { value } = await engine.instant(expression, { timeMs, ...options }, signal);
    if (value.kind !== 'vector') {
      throw new AppError(
        'BAD_CONFIG',
        `a rule must give a vector, this one gives a ${value.kind}: ${expression}`,
      );
    }
    return value.samples;
  };
}

function evaluateRangeWith(engine: QueryEngine): EvaluateRangePort {
  return async (expression, span, signal) => {
    const { value } = await engine.range(expression, span, signal);
    return value.kind === 'matrix' ? value.series : [];
  };
}
