import * as z from 'zod';

/** Kinds of numbers that settings are made of. */

/** A whole number from 1. */
export const count = (most: number) => z.int().min(1).max(most);

/** A factor or a step that float32 holds with room to spare. */
export const between = (least: number, most: number) => z.number().min(least).max(most);
