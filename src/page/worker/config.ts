import {
  isEpisode,
  parseConfig,
  type TrainConfig,
  type TrainInput,
  taskParameters,
  trainSchema,
} from '../../host/index.ts';

/** A run's settings, checked; where episodes are few-shot the gated optimizers learn where to start, too. */
export function parseRun(input: TrainInput): TrainConfig {
  const config = parseConfig(trainSchema, input, '');
  if (!isEpisode(config.task) || !('gates' in config.optimizer)) return config;
  const optimizer = { ...config.optimizer, theta0Parameters: taskParameters(config.task) };
  return parseConfig(trainSchema, { ...config, optimizer }, '');
}
