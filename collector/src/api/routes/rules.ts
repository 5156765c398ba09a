/**
 * `/v1/rules`: what is in force, rule files and thresholds to read and change, unit tests and back-tests. Changing needs a
 * token for everything.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { json, Router, text, type Request, type RequestHandler, type Response } from 'express';
import * as z from 'zod';
import { watchClient } from '../client-watch.ts';
import type { BacktestReport, BacktestRequest } from '../../alerting/backtest/backtest.ts';
import { badFile, readRuleFile } from '../../alerting/rule-files/rule-file.ts';
import type { TestTexts } from '../../alerting/rule-files/test-texts.ts';
import type { UnitTestFailure } from '../../alerting/rule-files/unit-test.ts';
import { parseBody } from '../body.ts';
import type { RulesAnswer } from '../types.ts';

export interface RulesPort {
  readonly list: (this: void) => RulesAnswer;
  readonly shelf: {
    read(name: string): string;
    put(name: string, text: string): Promise<void>;
    remove(name: string): Promise<void>;
    readThresholds(): string;
    putThresholds(text: string): Promise<void>;
  };
  readonly test: (texts: TestTexts, signal: AbortSignal) => Promise<readonly UnitTestFailure[]>;
  readonly backtest: (request: BacktestRequest, signal: AbortSignal) => Promise<BacktestReport>;
}

const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Tests and back-tests under way; they take the time of a core. */
const TRIALS_MAX = 2;
/** Longest that one of them may take. */
const TRIAL_MS_MAX = 5 * 60_000;

const textBody = text({ type: () => true, limit: BODY_BYTES_MAX });
const jsonBody = json({ limit: BODY_BYTES_MAX });

const testSchema = z.strictObject({ rules: z.string(), tests: z.string() });
const backtestSchema = z.strictObject({
  /** A rule file as text. */
  rules: z.string(),
  fromMs: z.int(),
  toMs: z.int(),
  stepMs: z.int().default(60_000),
});

export function rulesRouter(rules: RulesPort, mayChange: RequestHandler): Router {
  const { shelf } = rules;
  const router = Router();
  let trials = 0;
  /** One of few at a time, ended when the client leaves. */
  const trial = async <T>(response: Response, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (trials >= TRIALS_MAX) {
      throw new AppError('SLOW_DOWN', `${TRIALS_MAX} tests of rules are under way already: try again later`);
    }
    using client = watchClient(response);
    trials += 1;
    try {
      return await work(AbortSignal.any([client.signal, AbortSignal.timeout(TRIAL_MS_MAX)]));
    } finally {
      trials -= 1;
    }
  };

  router.get('/', (_request, response) => {
    response.json(rules.list());
  });
  router.get('/files/:name', (request, response) => {
    response.type('text/plain').send(shelf.read(nameOf(request)));
  });
  router.put('/files/:name', mayChange, textBody, async (request, response) => {
    await shelf.put(nameOf(request), textOf(request));
    response.status(204).end();
  });
  router.delete('/files/:name', mayChange, async (request, response) => {
    await shelf.remove(nameOf(request));
    response.status(204).end();
  });
  router.get('/thresholds', (_request, response) => {
    response.type('text/plain').send(shelf.readThresholds());
  });
  router.put('/thresholds', mayChange, textBody, async (request, response) => {
    await shelf.putThresholds(textOf(request));
    response.status(204).end();
  });
  router.post('/test', jsonBody, async (request, response) => {
    const texts = parseBody(testSchema, request);
    const failures = await trial(response, (signal) => rules.test(texts, signal));
    response.json({ isPassed: failures.length === 0, failures });
  });
  router.post('/backtest', jsonBody, async (request, response) => {
    const { rules: source, ...times } = parseBody(backtestSchema, request);
    const { groups, problems } = readRuleFile(source);
    if (problems.length > 0) throw new AppError('RULES_FAILED', badFile('rules', problems).message);
    response.json(await trial(response, (signal) => rules.backtest({ groups, ...times }, signal)));
  });
  return router;
}

function nameOf(request: Request): string {
  const { name } = request.params;
  return typeof name === 'string' ? name : '';
}

/** An empty body is an empty file. */
function textOf(request: Request): string {
  const body: unknown = request.body;
  return typeof body === 'string' ? body : '';
}
