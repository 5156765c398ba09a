import { storageConformance } from '../conformance.ts';
import { MemoryStorage } from './memory.ts';

storageConformance('memory', () => Promise.resolve({ storage: new MemoryStorage() }));
