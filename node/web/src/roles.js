// SPDX-License-Identifier: Apache-2.0
// What a role is offered. The node decides for itself (node/api/dispatch.c); this only spares people
// buttons that would be refused.
export const mayWrite = (me) => ["admin", "manager", "clerk", "reviewer"].indexOf(me.role) >= 0;
export const mayCases = (me) => me.role !== "member";
