/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_LIMITS_H
#define SANJI_PROTOCOL_LIMITS_H

/* Every cap of the wire format, in one place (PROTOCOL.md "Limits"); refused with too_large. */
enum {
    LIM_HEADER_BYTES = 2048,     /* h after decoding: fields are fixed, lists are short */
    LIM_ITEM_BYTES = 65536,      /* one record; bigger things are blobs */
    LIM_ITEMS = 1024,            /* per bundle */
    LIM_BUNDLE_BYTES = 1 << 20,  /* one line of NDJSON */
    LIM_MESSAGE_BYTES = 4 << 20, /* one HTTP body, compressed */
    LIM_INFLATE_BYTES = 8 << 20, /* all frames of one message, inflated */
    LIM_INFLATE_RATIO = 100,     /* per frame, once past 64 KiB */
    LIM_WRITE_ITEMS = 512,       /* what a writer puts into one bundle at most */
    LIM_WRITE_BYTES = 512 * 1024,
    LIM_FRAME_OVERHEAD = 4096, /* a frame may be so much larger than its content */
    LIM_DEPTH = 16,
    LIM_TOKENS = 4096,
    LIM_MEMBERS = 64,
    LIM_NAME_BYTES = 32, /* a member name */
    LIM_ID_BYTES = 64,   /* a record id */
    LIM_NODE_ID = 14,
    LIM_KID = 14,
    LIM_AUD_BYTES = 256, /* to: with 16 nodes of 14 characters and commas */
    LIM_RECIPIENTS = 16,
    LIM_TREE_DEPTH = 8, /* levels of the tree */
    LIM_EPOCH = 1000000,
    LIM_SEQ = 1000000000,
    LIM_HAVE_PER_LINE = 256, /* streams in one have line */
    LIM_KEY_ITEMS = 1000,    /* superseded items, and more than the live ones, before a keyframe */
    LIM_KEY_BEATS = 90,      /* beats, and more than the live items, before a keyframe */
    LIM_PROOF_MS = 24 * 3600 * 1000, /* a stream stays frozen so long before all are told */
    LIM_BEAT_MS = 20 * 3600 * 1000,  /* a writer's next beat: this, and up to a twentieth more */
    LIM_NEWS_MS = 24 * 3600 * 1000,  /* without a bundle: no news */
    LIM_SLOW_MS = 3600 * 1000,       /* what a neighbour has named is here by then */
    LIM_HEADS_LINES = 600,           /* of one page of the table of heads */
    LIM_HEADS_PAGES = 1000,          /* of one table */
    LIM_HEADS_MS = 2 * 3600 * 1000,  /* what the way up to the top may take */
    LIM_SIBLINGS = 16,               /* epochs of one number: each is a restore, or mischief */
    LIM_STREAMS_EACH = 8192,         /* streams of one writer, all audiences and epochs */
    LIM_NODES = 4096,                /* nodes of one federation */
    LIM_ACTS = 8192,                 /* trust acts looked at from one trust stream */
    LIM_ACTS_BYTES = 32 << 20,       /* bytes of acts looked at from one trust stream */
    LIM_CO_SIGNATURES = 16,
    LIM_ROOT_KEYS = 16,
    LIM_CEREMONY_BYTES = 128 << 10,
    LIM_WAIT_MS = 25000, /* long-poll */
    LIM_SESSION_MS = 15 * 60 * 1000,
    LIM_PARKED_AHEAD = 64,        /* bundles kept that came before their predecessor */
    LIM_CUSTODY_BYTES = 16 << 20, /* of each writer: given-up bundles, on their way to it */
    LIM_LEFT = 64,                /* bundles named in one hello as not kept */
    LIM_JUDGED_EPOCHS = 256,   /* of a lane with more that no keyframe ends, nothing is compared */
    LIM_GONE_DAYS = 30,        /* what can be handed to no writer is kept so long */
    LIM_SAID_DAYS = 730,       /* of keyframes: a writer remembers what they let go of */
    LIM_QUOTA_ITEMS = 5000000, /* per node and day where no quota act says otherwise */
    LIM_BOOKING_OPEN = 500,    /* occurrences of one node that wait at one owner */
    LIM_BLOB_BYTES = 20 << 20, /* one attachment */
    LIM_BLOB_PART = 512 << 10, /* of it in one request */
    LIM_BLOBS = 10,            /* of one record */
    LIM_FETCHES = 64,          /* attachments wanted at once, here or by one neighbour */
    LIM_FETCH_SAID = 8,        /* of them in one hello */
    LIM_FETCH_DAYS = 7,        /* then one is given up */
    LIM_FERRY_PART_BYTES = 512 << 20,
};
/* Bytes per node and day where no quota act says otherwise. */
#define LIM_QUOTA_BYTES ((int64_t)4 << 30)
/* Bytes of attachments given to or taken from one neighbour a day. */
#define LIM_FETCH_BYTES ((int64_t)1 << 30)

#endif
