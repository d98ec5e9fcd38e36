select app.reset('public.team_members');

grant select, insert (team_id, user_id, role), update (role), delete on public.team_members to authenticated;
grant select, insert, update, delete on public.team_members to service_role;

create policy "people read who is in the teams of their organisation"
on public.team_members for select to authenticated
using (team_id in (select app.my_orgs_teams()));

create policy "admins put people of the organisation into teams"
on public.team_members for insert to authenticated
with check (app.may_manage_team(team_id, user_id));

create policy "admins change what people are in teams"
on public.team_members for update to authenticated
using (app.may_manage_team(team_id, user_id));

create policy "admins take people out of teams"
on public.team_members for delete to authenticated
using (app.may_manage_team(team_id, user_id));
