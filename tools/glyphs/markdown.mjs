export function describe(){return ''}
