/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_KINDS_CHOICES_H
#define SANJI_PROTOCOL_KINDS_CHOICES_H

/* Choice lists that several kinds share. A known kind refuses unknown words, so a word more is a
 * new major of every kind that has the list; the lists of CH_LISTS are open: there platforms add
 * words by `code_list/1` records, and readers take any word of the right form. */
#define CH_RESOURCE "venue mentor course equipment space service visit fund"
/* Whom the work serves or what it is about. */
#define CH_FIELD                                                                                   \
    "elderly disabled poverty youth women children family community environment health culture "   \
    "education rights crisis volunteers party_building incubation other"
/* The eight ways platforms serve each other. */
#define CH_MODE "consult training agency team referral copublish cohost research"
/* Kinds of social organisations: registered ones by their law, and those filed at a street. */
#define CH_ORG "association service_unit foundation community other"
/* Lines of consulting. */
#define CH_LINE "party finance legal policy other"
/* Reports up the tree. */
#define CH_REPORT "weekly monthly quarterly annual_plan annual"
/* Stages of incubation, in their order. */
#define CH_STAGE "applying activity project organisation hub"
/* How a service was rendered, and what about (DB3701/T 36-2023). */
#define CH_METHOD "case group community consult training activity link referral supervision"
#define CH_CONTENT                                                                                 \
    "policy aid comfort ability support crisis rights inclusion participation culture environment"
/* The open lists by name, in the order of the table in field.c. */
#define CH_LISTS "field mode org stage method content"
/* Booking: what for, how it stands (flow_booking.h), and why not (booking.h). */
/* What an attachment may be; node/blob_type.c tells them apart by their bytes. */
#define CH_FILE    "pdf png jpeg docx xlsx pptx doc xls text"
#define CH_PURPOSE "meeting training event activity consult visit other"
#define CH_BOOKING "held confirmed rejected waitlisted cancelled checked_in completed no_show"
#define CH_WHY_NOT                                                                                 \
    "past listing who closed length notice ahead quota taken refused changed withdrawn expired "   \
    "owner other"

#endif
