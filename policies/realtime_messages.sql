-- Private channels named conversation:<id>. Any other private topic is refused, unless the operator adds a policy.

drop policy if exists "members listen to their conversation" on realtime.messages;
create policy "members listen to their conversation"
on realtime.messages for select to authenticated
using (extension in ('broadcast', 'presence')
       and topic = (select realtime.topic())
       and app.is_member(app.conversation_of_topic((select realtime.topic()))));

-- Whoever is shadow-banned, or keeps it to themselves, is refused; the server then drops what they
-- say without a word.
drop policy if exists "members send to their conversation" on realtime.messages;
create policy "members send to their conversation"
on realtime.messages for insert to authenticated
with check (topic = (select realtime.topic())
            and app.may_signal(app.conversation_of_topic((select realtime.topic())), extension));
