// SPDX-License-Identifier: Apache-2.0
// What a role is offered. The node decides for itself (node/api/dispatch.c, sees.c); this only spares people
// buttons that would be refused.
export const mayWrite = (me) => ["admin", "manager", "clerk", "reviewer"].indexOf(me.role) >= 0;
// What organisations file, too: whoever stands for one files for that one alone.
export const orgOf = (me) => (me.role === "member" && me.org) || "";
export const mayFile = (me) => mayWrite(me) || !!orgOf(me);
export const mayAudit = (me) => me.role === "admin" || me.role === "supervisor";
export const mayAdmin = (me) => me.role === "admin";
export const mayCases = (me) => mayRead(me, "referral");
// By kind: the node says at log-in what its tables open to this person ("r" reads, "w" writes).
export const mayRead = (me, kind) => !!(me.may && me.may[kind]);
export const mayPut = (me, kind) => !!(me.may && (me.may[kind] || "").indexOf("w") >= 0);
