/** The hand-designed optimizers that can be imitated: those whose update depends neither on theta nor on a horizon. */
export const TEACHERS = ['sgd', 'momentum', 'nesterov', 'rmsprop', 'adam'] as const;
export type TeacherName = (typeof TEACHERS)[number];

/** Learning rates of the teachers where none is given: a moderate one of each. */
export const TEACHER_RATES: Readonly<Record<TeacherName, number>> = {
  sgd: 0.1,
  momentum: 0.01,
  nesterov: 0.01,
  rmsprop: 0.01,
  adam: 0.01,
};
