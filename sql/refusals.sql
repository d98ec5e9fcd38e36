-- Every way to be refused: one list of status, machine word and words for people.

create or replace function app.refusals()
returns table (hint text, code text, message text, meaning text)
language sql immutable
set search_path = ''
as $$
  values
    ('signed_out',         'PT401', 'Sign in first.', 'the call needs a person and nobody is signed in, or the account is gone'),
    ('not_manager',        'PT403', 'Your role in this conversation does not allow that.', 'only some roles of the conversation may do this'),
    ('not_admin',          'PT403', 'Only an admin of the organisation may do this.', 'the organisation leaves this to its admins'),
    ('not_moderator',      'PT403', 'Only a moderator of the organisation may do this.', 'the organisation leaves this to its moderators and admins'),
    ('own_message',        'PT403', 'Somebody else has to review your message.', 'reviewing a message of one''s own'),
    ('not_yours',          'PT403', 'This message is not yours to change.', 'the message is another''s'),
    ('edit_window_over',   'PT403', 'It is too late to correct this message.', 'the time for corrections is over'),
    ('delete_window_over', 'PT403', 'It is too late to take this message back for all; you can hide it for yourself.', 'the time for taking back is over'),
    ('no_forward',         'PT403', 'What is said here may not be passed on.', 'the conversation forbids forwarding'),
    ('removed',            'PT403', 'You were removed from this room.', 'one who was removed comes back by invitation only'),
    ('owner',              'PT403', 'An owner cannot be removed or demoted by another.', 'the member is an owner'),
    ('last_owner',         'PT403', 'A conversation keeps at least one owner.', 'the last owner cannot step down'),
    ('restricted',         'PT403', 'You cannot write to people at the moment.', 'a moderator has blocked or banned the caller'),
    ('privacy',            'PT403', 'This person does not take messages from you.', 'privacy settings or a block; which, is not told'),
    ('not_same_team',      'PT403', 'You can write only to people of your teams.', 'rule team: the two share no team'),
    ('no_engagement',      'PT403', 'You can write only to people you have a bid or project with.', 'rule engagement: no live engagement'),
    ('persona_only',       'PT403', 'You can write only in your own groups.', 'rule persona: the two share no live persona group'),
    ('new_account_limit',  'PT403', 'New accounts may write to a few people a day.', 'rule community: the limit of a new account is reached'),
    ('no_grant',           'PT403', 'Open this conversation with a reason first.', 'reading as an admin needs open_oversight here'),
    ('not_member',         'PT404', 'There is no such conversation.', 'no such conversation, or the caller is not in it: an outsider cannot tell which'),
    ('no_such_person',     'PT404', 'There is no such person here.', 'nobody by that id whom the caller could write to'),
    ('no_such_room',       'PT404', 'There is no such room.', 'no room by that name that the caller could join'),
    ('no_such_member',     'PT404', 'That person is not in the conversation.', 'the person meant is not a member'),
    ('no_such_message',    'PT404', 'There is no such message.', 'no message by that id that the caller can see'),
    ('no_such_invite',     'PT404', 'There is no such invitation.', 'no open invitation by that id'),
    ('no_such_engagement', 'PT404', 'There is no such engagement.', 'no engagement of the two by that id'),
    ('slug_taken',         'PT409', 'There is a room of that name already.', 'the organisation has a room of that name'),
    ('self',               'PT422', 'A conversation needs somebody else.', 'a conversation with oneself'),
    ('bad_kind',           'PT422', 'Conversations of that kind cannot be made this way.', 'a kind of conversation that cannot be made this way'),
    ('bad_title',          'PT422', 'A room''s title needs a letter from a to z or a digit.', 'no name could be made from the title'),
    ('dm_stays',           'PT422', 'A conversation of two cannot be left.', 'a conversation of two, or of an engagement, keeps its members'),
    ('bad_reply',          'PT422', 'The message you answer is not in this conversation.', 'the message answered or quoted is not there, or not readable'),
    ('bad_type',           'PT422', 'Messages of that type are not yours to send.', 'the type is written by the system'),
    ('no_attachment',      'PT422', 'A file message needs a file.', 'message_type file or image without an attachment'),
    ('bad_filter',         'PT422', 'There is no such filter.', 'a filter, cursor or scope that is not known'),
    ('bad_role',           'PT422', 'There is no such role.', 'a role that cannot be given'),
    ('bad_setting',        'PT422', 'There is no such setting, or not of that type.', 'an organisation''s setting that is not known'),
    ('bad_status',         'PT422', 'There is no such status.', 'a presence status that is not known'),
    ('no_words',           'PT422', 'Say something.', 'words that are needed are missing'),
    ('too_long',           'PT422', 'The message is too long.', 'longer than the organisation allows; details has the limit'),
    ('too_many',           'PT422', 'That is too many at once.', 'more than a call takes; details has the limit'),
    ('pins_full',          'PT422', 'A conversation holds up 50 messages; take one down first.', 'all 50 pins are used'),
    ('reactions_full',     'PT422', 'A message takes 20 different reactions.', 'the message has 20 different emoji'),
    ('slow_mode',          'PT429', 'This conversation is in slow mode.', 'the next message must wait; details and Retry-After say how long'),
    ('rate_limited',       'PT429', 'That was too fast. Try again in a moment.', 'an allowance is used up; details and Retry-After say how long'),
    ('not_organizer',      'PT403', 'This meeting is another''s to change.', 'another has called the meeting'),
    ('no_such_meeting',    'PT404', 'There is no such meeting.', 'no meeting by that id that the caller can see, is asked to, or could still change'),
    ('no_such_template',   'PT404', 'There is no such template.', 'no template by that id that the caller may use'),
    ('no_such_persona',    'PT404', 'There is no such persona here.', 'not a persona of the organisation, retired, or not in the conversation'),
    ('persona_taken',      'PT409', 'Another admin is speaking as this persona.', 'another admin keeps the persona; details says until when'),
    ('bad_variables',      'PT422', 'Values for a template come as one object.', 'values that are not a JSON object, or too large'),
    ('bad_time',           'PT422', 'That time does not work.', 'a time that is past or too far away, an end before the start, or an unknown time zone'),
    ('bad_link',           'PT422', 'That is not a title and link for such a meeting.', 'a link that is not https or not of the provider, an unknown provider, or a title that is blank or too long'),
    ('bad_reminder',       'PT422', 'A meeting has up to five reminders, of up to a week before.', 'reminders out of bounds'),
    ('bad_response',       'PT422', 'Answer yes, no or maybe.', 'an answer to a meeting that is none'),
    ('bad_subscription',   'PT422', 'That is no subscription of a browser.', 'not what PushSubscription.toJSON() gives'),
    ('bad_address',        'PT422', 'That is no e-mail address.', 'an address that cannot be one'),
    ('no_such_mail',       'PT404', 'This link is no longer known.', 'the token of a link in mail that nobody has'),
    ('no_vectors',         'PT501', 'This server cannot search by meaning.', 'a vector is given and the database lacks pgvector'),
    ('not_your_file',      'PT403', 'This file is not yours to delete.', 'the file is another''s, and the caller does not moderate'),
    ('no_such_file',       'PT404', 'There is no such file.', 'no file, or version of it, by that id that the caller can see'),
    ('no_such_upload',     'PT404', 'There is no such upload.', 'no upload by that id that the caller asked for, or it came too late'),
    ('not_uploaded',       'PT409', 'The file has not arrived yet.', 'the bytes of the upload are not all there'),
    ('file_too_large',     'PT413', 'The file is too large.', 'larger than the organisation allows; details has the limit in bytes'),
    ('quota_full',         'PT413', 'There is no room left for this file.', 'more than the person or the organisation may keep; details has what is used and the limit'),
    ('bad_file_type',      'PT415', 'Files of this type are not taken here.', 'a type that the organisation does not list, or bytes that are not what the name says; details has the type'),
    ('bad_file_name',      'PT422', 'A file or folder cannot be called that.', 'a name that is blank, too long or has a slash in it; details says which'),
    ('bad_checksum',       'PT422', 'The file was damaged on its way.', 'the bytes do not have the SHA-256 that was announced'),
    ('bad_attachment',     'PT422', 'That file cannot be sent here.', 'a file that is not of this conversation, not the sender''s to show, infected, or named twice'),
    ('files_stay',         'PT422', 'A file of this message cannot be passed on.', 'forwarding what was not found clean, is deleted, or is another organisation''s'),
    ('no_files',           '42501', 'You cannot send files at the moment.', 'a moderator keeps the caller from sending files'),
    ('cannot_post',        '42501', 'You cannot speak in this conversation.', 'writing into a conversation without being in it, or in a role that only listens'),
    ('admin_read_only',    '42501', 'Admins may read here, not write.', 'clients and consultants talk without admins'),
    ('posting_closed',     '42501', 'Only some may speak here.', 'the conversation''s posting excludes the caller'),
    ('locked',             '42501', 'This conversation is closed.', 'locked or archived for all'),
    ('muted',              '42501', 'You are muted.', 'a moderator has muted or banned the caller; details says until when'),
    ('engagement_over',    '42501', 'The engagement is over.', 'the bid or project is completed, cancelled or declined'),
    ('append_only',        '42501', 'Records are only ever added to.', 'a change or deletion of a record'),
    ('blocked',            '42501', 'This person does not take messages from you.', 'one of the two has blocked the other, or rules have changed since')
$$;
comment on function app.refusals() is
  'Gives every refusal: the machine word, the SQLSTATE (PTnnn is the HTTP status nnn), the words for people and when it comes.';

create or replace function app.refuse(p_hint text, p_detail text default null, p_retry_after_s double precision default null)
returns void
language plpgsql stable
set search_path = ''
as $$
declare
  refusal record;
begin
  select r.code, r.message into strict refusal
    from app.refusals() r
   where r.hint = p_hint;

  if refusal.code = 'PT429' then
    -- The form that carries headers: the status is 429, and Retry-After goes along.
    raise sqlstate 'PGRST' using
      message = jsonb_build_object('code', refusal.code, 'message', refusal.message,
                                   'details', format('retry_after=%s', ceil(p_retry_after_s)), 'hint', p_hint)::text,
      detail = jsonb_build_object('status', 429, 'headers',
                                  jsonb_build_object('Retry-After', ceil(p_retry_after_s)::text))::text,
      hint = p_hint;
  end if;
  if p_detail is null then
    raise exception using errcode = refusal.code, message = refusal.message, hint = p_hint;
  end if;
  raise exception using errcode = refusal.code, message = refusal.message, detail = p_detail, hint = p_hint;
end
$$;
comment on function app.refuse(text, text, double precision) is
  'Takes a word of app.refusals(), a detail and, for 429, the seconds to wait; always raises.';
