/** The figures of a run as SVG text, inside the report or as files of their own. */
export type { FigureOptions } from './figure.ts';
export { describeGates, gatesFigure, gatesSvg } from './gateFigure.ts';
export { describeLosses, type LossFigureOptions, lossCurvesSvg } from './lossFigure.ts';
export { curveStyles, THEMES, type ThemeName } from './style.ts';
export { describeTraining, trainingSvg } from './trainingFigure.ts';
