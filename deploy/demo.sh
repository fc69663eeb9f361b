#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job, live: a city, two districts and fifteen street stations as separate daemons on this
# machine, enrolled by invites, sharing listings, needs and referrals. `--once` does the same without
# waiting, checks the outcome and exits 0 or 1. `--keep` leaves the data folder, `--build DIR` uses a
# build that is already there, `--lang zh|en` chooses the language.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/deploy/packages.sh"

once=0
keep=0
build="$root/build/release"
built=0
lang="${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}"
while [ $# -gt 0 ]; do
    case "$1" in
    --once) once=1 ;;
    --keep) keep=1 ;;
    --build) shift; build=$1; built=1 ;;
    --lang) shift; lang=$1 ;;
    --help | -h) sed -n '3,6s/^# //p' "$0"; exit 0 ;;
    *) echo "demo.sh: unknown option $1 (--once --keep --build DIR --lang zh|en)" >&2; exit 2 ;;
    esac
    shift
done
case "$lang" in zh*) zh=1; slang=zh ;; *) zh=0; slang=en ;; esac
say() { # say CHINESE ENGLISH
    if [ $zh = 1 ]; then printf '%s\n' "$1"; else printf '%s\n' "$2"; fi
}
step_n=0
step() {
    step_n=$((step_n + 1))
    say "[$step_n] $1" "[$step_n] $2"
}
fails=0
fail() {
    fails=$((fails + 1))
    say "    失败：$1" "    FAILED: $2" >&2
}

# ---- build ----
if [ $built = 0 ]; then
    step "准备编译环境并编译" "preparing the tools and building"
    # shellcheck disable=SC2086
    pkg_install $PKG_BUILD || exit 1
    pkg_install_web
    (cd "$root" && cmake --preset release >"/tmp/sanji-demo-build.$$" 2>&1 && cmake --build --preset release --target sanji >>"/tmp/sanji-demo-build.$$" 2>&1) ||
        { tail -n 40 "/tmp/sanji-demo-build.$$"; rm -f "/tmp/sanji-demo-build.$$"; exit 1; }
    rm -f "/tmp/sanji-demo-build.$$"
fi
sanji="$build/sanji"
[ -x "$sanji" ] || { echo "demo.sh: no program at $sanji" >&2; exit 1; }

# ---- where ----
work=$(mktemp -d "${TMPDIR:-/tmp}/sanji-demo.XXXXXX") || exit 1
pids=""
cleanup() {
    trap - EXIT INT TERM
    for p in $pids; do kill "$p" 2>/dev/null; done
    for p in $pids; do wait "$p" 2>/dev/null; done
    if [ $keep = 1 ]; then
        say "数据保留在 $work" "the data stays in $work"
    else
        rm -rf "$work"
    fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

port=$((21000 + $$ % 9000))
free_port() {
    while :; do
        port=$((port + 1))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
    done
}
declare -A staff_of id_of pass_of name_of
order=()
s() { # s NODE VERB...: the verb on that node's folder
    local n=$1
    shift
    local words=("$1")
    shift
    case "${words[0]}" in
    node | user | token | referral | booking | event | parked) words+=("$1"); shift ;;
    esac
    "$sanji" "${words[@]}" --data "$work/$n" --lang "$slang" "$@"
}
start() { # start NODE: its daemon, ready when it answers
    "$sanji" serve --data "$work/$1" >"$work/$1.log" 2>&1 &
    pids="$pids $!"
    for _ in $(seq 1 200); do
        [ -S "$work/$1/control.sock" ] && s "$1" status >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    fail "$1 没有启动，见 $work/$1.log" "$1 did not start, see $work/$1.log"
    tail -n 5 "$work/$1.log" >&2
    exit 1
}
wait_for() { # wait_for SECONDS CMD...: until it succeeds
    local until=$((SECONDS + $1))
    shift
    while [ $SECONDS -le $until ]; do
        "$@" && return 0
        sleep 0.1
    done
    return 1
}
add() { # add NODE NAME TIER AREA PARENT
    local n=$1 name=$2 tier=$3 area=$4 parent=$5
    local addr=(--staff "127.0.0.1:$(free_port)")
    port=${addr[1]##*:}
    staff_of[$n]=${addr[1]}
    if [ "$tier" != street ]; then
        local sp
        sp=$(free_port)
        port=$sp
        addr+=(--sync "127.0.0.1:$sp" --url "https://127.0.0.1:$sp")
    fi
    name_of[$n]=$name
    order+=("$n")
    if [ -z "$parent" ]; then
        "$sanji" init --data "$work/$n" --name "$name" --tier "$tier" --area "$area" --root-key "$work/root.key" \
            --lang "$slang" "${addr[@]}" >"$work/$n.init" 2>&1 || { cat "$work/$n.init" >&2; exit 1; }
    else
        local invite
        invite=$(s "$parent" invite --name "$name" --tier "$tier" --area "$area" --auto-approve) || exit 1
        "$sanji" join --data "$work/$n" --lang "$slang" "${addr[@]}" "$invite" >"$work/$n.init" 2>&1 ||
            { cat "$work/$n.init" >&2; exit 1; }
    fi
    start "$n"
    id_of[$n]=$(s "$n" status --json | grep -o '"node":"n[a-z2-7]*"' | head -n 1 | cut -d '"' -f 4)
    pass_of[$n]=$(s "$n" user add admin --role admin --json | grep -o '"one_time_password":"[^"]*"' | cut -d '"' -f 4)
    if [ -z "${id_of[$n]}" ] || [ -z "${pass_of[$n]}" ]; then
        fail "$n 没有编号或一次性密码" "$n has no id or no one-time password"
    fi
    # Before its parent's roster has come it cannot invite.
    wait_for 30 known "$n" || fail "$n 没有收到名册" "$n did not get the roster"
}
known() { s "$1" node show "${id_of[$1]}" >"$work/known" 2>&1; }

# ---- the tree ----
step "市级中心建立联盟（根密钥写在数据目录之外，应离线保存）" "the city founds the federation (the root key lies outside its folder, to be taken offline)"
add city "济南市社会组织创新园" city 3701 ""
step "两个区级基地凭邀请加入" "two district bases join by invite"
add lixia "历下区社会组织孵化基地" district 370102 city
add shizhong "市中区社会组织服务中心" district 370103 city
step "历下区十三个街道站、市中区两个街道站加入" "thirteen stations of one district and two of the other join"
i=0
for name in 解放路 千佛山 趵突泉 泉城路 大明湖 东关 文东 建新 甸柳 燕山 姚家 龙洞 智远; do
    i=$((i + 1))
    add "$(printf 's%02d' $i)" "${name}街道社工站" street "$(printf '370102%03d' $i)" lixia
    printf '.'
done
add z01 "大观园街道社工站" street 370103002 shizhong
add z02 "杆石桥街道社工站" street 370103003 shizhong
printf '. %s\n' "${#order[@]}"

# ---- the day's work ----
today=$(date -u -d '+8 hours' +%Y-%m-%d)
month=$(date -u -d "${today%-*}-15 -1 month" +%Y-%m) # the last whole one
load() { # load KIND FILE
    local n
    for n in "${order[@]}"; do
        grep "\"node\":\"$n\"" "$2" | sed "s/\"node\":\"[^\"]*\",//; s/TODAY/$today/; s/MONTH/$month/g; s/DAYT/${day:-}T/g; s/YEAR/${month%-*}/g" >"$work/in.ndjson"
        [ -s "$work/in.ndjson" ] || continue
        s "$n" put "$1" "$work/in.ndjson" >"$work/$n.$1.ids" || fail "$n 未能保存 $1" "$n could not store $1"
    done
}
step "各平台发布资源与需求" "every platform publishes listings and needs"
t0=$(date +%s%N)
load listing "$root/deploy/demo/listings.ndjson"
load need "$root/deploy/demo/needs.ndjson"
listings=$(grep -c . "$root/deploy/demo/listings.ndjson")
needs=$(grep -c . "$root/deploy/demo/needs.ndjson")

count() { s "$1" list "$2" --limit 1000 --json 2>/dev/null | grep -c '"kind":"'"$2"'"'; }
has_all() { [ "$(count "$1" listing)" -ge "$listings" ] && [ "$(count "$1" need)" -ge "$needs" ]; }
first=$(head -n 1 "$work/s01.listing.ids")
sees() { s "$1" get "${id_of[s01]}/$first" >/dev/null 2>&1; }
for n in lixia city shizhong z02; do
    step "解放路街道的资源到达 ${name_of[$n]}" "a street's listing arrives at $n"
    wait_for 30 sees "$n" || fail "没有到达 $n" "it did not arrive at $n"
done
step "全部资源与需求到达每个节点" "all listings and needs reach every node"
for n in "${order[@]}"; do
    wait_for 60 has_all "$n" || fail "$n 缺少记录" "$n lacks records"
done
say "    ${#order[@]} 个节点，$listings 条资源，$needs 条需求，用时 $((($(date +%s%N) - t0) / 1000000)) 毫秒" \
    "    ${#order[@]} nodes, $listings listings, $needs needs, $((($(date +%s%N) - t0) / 1000000)) ms"

step "三个街道申请市级路演厅的同一时段：一家获批，两家候补；获批的撤回后自动递补" "three streets ask for the city's hall at one time: one has it, two wait; given back, the next one moves up"
load schedule "$root/deploy/demo/schedules.ndjson"
day=$(date -u -d '+8 hours +8 days' +%Y-%m-%d)
opened() { s "$1" get "${id_of[city]}/hall.hours" >/dev/null 2>&1; }
for n in s01 s05 z02; do
    wait_for 60 opened "$n" || fail "开放时间没有到达 $n" "the opening hours did not arrive at $n"
    printf '{"listing":"%s/hall","org":"%s社团联席","purpose":"meeting","heads":30,"wait":true,"at":[["%sT14:30","%sT16:30"]]}' \
        "${id_of[city]}" "${name_of[$n]%%街道*}" "$day" "$day" >"$work/ask.json"
    s "$n" booking ask "$work/ask.json" >"$work/$n.ask" || fail "$n 未能申请" "$n could not ask"
done
stands() { s city booking list --here --all --json 2>/dev/null | grep -o "\"state\":\"$1\"" | grep -c .; }
booked() { [ "$(stands confirmed)" -eq 1 ] && [ "$(stands waitlisted)" -eq "$1" ]; }
wait_for 60 booked 2 || fail "获批的不是一家" "not one has it"
for n in s01 s05 z02; do
    if s "$n" booking list --json | grep -q '"state":"confirmed"'; then break; fi
done
s "$n" booking withdraw "$(cat "$work/$n.ask")" >/dev/null || fail "未能撤回" "it could not be given back"
wait_for 60 booked 1 || fail "候补没有递补" "nobody moved up"

step "市级培训分给街道四个名额：三个街道各报两人，四人获批，两人候补" "the city's course has four seats for streets: three streets sign up two each, four are given, two wait"
load event "$root/deploy/demo/events.ndjson"
announced() { s "$1" get "${id_of[city]}/governance-course" >/dev/null 2>&1; }
for n in s01 s05 z02; do
    wait_for 60 announced "$n" || fail "活动没有到达 $n" "the event did not arrive at $n"
    s "$n" event sign "${id_of[city]}/governance-course" --org "${name_of[$n]%%街道*}社区社会组织联合会" --seats 2 --wait >/dev/null || fail "$n 未能报名" "$n could not sign up"
done
seated() { s city event show governance-course | tr -d ' \n' | grep -q '"street":4,"community":0,"other":0,"waiting":2'; }
wait_for 60 seated || fail "名额没有按层级发放" "seats were not given by tier"

step "街道就路演厅提问，市级答复" "a street asks about the hall, and the city answers"
printf '{"about":"%s/hall","text":"周末可以借用投影设备吗？需要自带电脑吗？"}' "${id_of[city]}" >"$work/q.json"
question=$(s s01 put question "$work/q.json" | tr -d '\n') || fail "未能提问" "could not ask"
waits_at_city() { s city todo --json | grep -q '"source":"question"'; }
wait_for 60 waits_at_city || fail "提问没有进入市级待办" "the question is not in the city's to-do list"
printf '{"about":"%s/%s","text":"周末可借，须提前两天；现场有电脑。"}' "${id_of[s01]}" "$question" >"$work/a.json"
s city put question_answer "$work/a.json" >/dev/null || fail "未能答复" "could not answer"
answered() { s s01 list question_answer --json 2>/dev/null | grep -q '"kind":"question_answer"'; }
wait_for 60 answered || fail "答复没有到达街道" "the answer did not arrive at the street"

step "各平台为所服务的组织建档、记服务（只留在本节点；公开的名片到达全市）" "every platform files its organisations and services (they stay at home; public cards travel)"
load org "$root/deploy/demo/orgs.ndjson"
load org_event "$root/deploy/demo/org_events.ndjson"
load service "$root/deploy/demo/services.ndjson"
load consult_quota "$root/deploy/demo/consult_quotas.ndjson"
consult() { # consult STATE MORE: the city's desk takes a question of an organisation a step on
    printf '{"id":"tax","org":"city-org1","title":"非营利组织免税资格申请","line":"finance","fee":"free","state":"%s"%s}' "$1" "$2" >"$work/c.json"
    s city put consultation "$work/c.json" >/dev/null || fail "咨询未能改为 $1" "the consultation could not become $1"
}
consult asked ""
consult accepted ",\"date\":\"$today\",\"expert\":\"财务咨询专家\""
printf '{"id":"tax-service","title":"免税资格咨询","date":"%s","method":"consult","org":"city-org1","fee":"free","persons":2,"person_times":2}' "$today" >"$work/c.json"
s city put service "$work/c.json" >/dev/null || fail "未能登记咨询服务" "the consultation's service could not be stored"
consult done ",\"date\":\"$today\",\"service\":\"tax-service\",\"advice\":\"先备齐登记证书、章程与上年度审计报告。\""
cards=$(grep -c '"public":true' "$root/deploy/demo/orgs.ndjson")
services=$(($(grep -c . "$root/deploy/demo/services.ndjson") + 1)) # and the one of the consultation
has_cards() { [ "$(count "$1" card)" -eq "$cards" ]; }
for n in city s13 z02; do
    wait_for 60 has_cards "$n" || fail "$n 没有全部 $cards 张名片" "$n does not hold all $cards cards"
    [ "$(count "$n" org)" -eq 1 ] || fail "$n 读到了别处的档案" "$n reads archives of others"
done

step "市级发布表单，街道为活动期的组织填写（问题随表单同步，答案只留在本平台）" "the city publishes a form, a street fills it in for an organisation (questions travel, answers stay)"
load form_template "$root/deploy/demo/form_templates.ndjson"
form="${id_of[city]}/form_template.monthly-work.1"
has_form() { s s02 get "$form" >/dev/null 2>&1; }
wait_for 30 has_form || fail "街道没有收到表单" "the form did not reach the street"
fill_in() { # fill_in STATE ANSWERS
    printf '{"id":"s02-form1","template":"%s","org":"s02-org1","period":"%s","state":"%s","answers":%s}\n' \
        "$form" "$month" "$1" "$2" | s s02 put form_entry - 2>&1
}
fill_in submitted '{"q2":6}' | grep -q "answers.q1" || fail "缺少必填内容的表单没有被拒绝" "a form without a required answer was taken"
fill_in submitted '{"q1":"助老服务 6 场，结对 12 户","q2":6,"q3":"社区活动室"}' >/dev/null || fail "街道未能填写表单" "the street could not fill in the form"

step "组织用自己的账号填报上月活动，等街道接收；别的组织的填不进去" "an organisation files its month with its own log-in and waits for its street; nothing of another one"
post() { # post NODE PATH BODY [HEADER]: the status of the answer, over a plain socket as a browser or a program asks
    local addr=${staff_of[$1]} answer LC_ALL=C
    exec 3<>"/dev/tcp/127.0.0.1/${addr##*:}" || return 1
    printf 'POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n%sContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
        "$2" "$addr" "$addr" "${4:+$4$'\r\n'}" "${#3}" "$3" >&3
    IFS= read -r answer <&3
    exec 3>&-
    answer=${answer#* }
    printf '%s' "${answer%% *}"
}
said() { grep -o "\"$1\":\"[^\"]*\"" | cut -d '"' -f 4; }
org_pass=$(s s02 user add zhulao --role member --org s02-org1 --json | said one_time_password)
org_token=$(s s02 token add --name zhulao --role member --org s02-org1 --valid 1 --json | said token)
file_month() { # file_month ORG: as the people of s02-org1
    post s02 /api/records/activity "{\"id\":\"month-$1\",\"d\":{\"org\":\"$1\",\"title\":\"上门理发与节日慰问\",\"period\":\"$month\",\"state\":\"submitted\",\"sessions\":6,\"person_times\":84,\"done\":\"上门理发 4 场，节日慰问 2 场。\"}}" \
        "Authorization: Bearer $org_token"
}
[ "$(file_month s02-org1)" = 200 ] || fail "组织未能填报" "the organisation could not file"
[ "$(file_month s02-org2)" = 403 ] || fail "组织替别的组织填报了" "it filed for another organisation"
s s02 todo --json | grep -q '"source":"decide","kind":"activity"' || fail "填报没有进入街道的待办" "it is not in the street's to-do list"

step "区级规定街道月报，街道报送，区级退回一份、接收一份（迟报、修改过的标记永久保留）" "a district asks for monthly reports, streets send them, it returns one and accepts one (late and revised stay marked)"
load obligation "$root/deploy/demo/obligations.ndjson"
owes() { s s01 duties --json --periods 2 | grep -q '"report":"monthly"'; }
wait_for 30 owes || fail "街道没有收到报送要求" "the street does not know what it owes"
load work_report "$root/deploy/demo/work_reports.ndjson"
filed() { [ "$(s lixia duties --below --json --periods 2 | grep -c '"filed":true')" -ge 3 ]; }
wait_for 30 filed || fail "区级没有收到月报" "the reports did not reach the district"
answer() { # answer NODE STATE MORE
    printf '{"about":"%s/work_report.monthly.%s","state":"%s","seen":1%s}\n' "${id_of[$1]}" "$month" "$2" "$3" |
        s lixia put report_answer - >/dev/null || fail "区级未能答复" "the district could not answer"
}
answer s01 accepted ""
answer s02 returned ',"reason":"请补充下期计划中的志愿者安排"'
stands() { s "$1" duties --json --periods 2 | grep '"report":"monthly"' | grep -q "\"state\":\"$2\""; }
wait_for 30 stands s01 accepted || fail "解放路街道没有看到已接收" "the street does not see that its report was accepted"
wait_for 30 stands s02 returned || fail "千佛山街道没有看到已退回" "the street does not see that its report was returned"

step "解放路街道向大观园街道转介（内容加密，仅双方可读）" "one street refers to a street of the other district (sealed for the two)"
cat >"$work/ref.json" <<'J'
{"subject_kind":"org","reason":"venue","title":"社区合唱团需要排练场地","detail":"每周两次，约二十五人，希望周末下午。"}
J
ref=$(s s01 referral send --to "${id_of[z01]}" "$work/ref.json") || fail "未能发出转介" "the referral was not sent"
ref_state() { s "$1" referral show "$ref" --json 2>/dev/null | grep -q "\"state\":\"$2\""; }
wait_for 30 ref_state z01 delivered || fail "转介没有送达" "the referral did not arrive"
s z01 referral open "$ref" >/dev/null || fail "未能打开转介" "it could not be opened"
s z01 referral accept "$ref" --d '{"desk":"邻里中心前台","planned":"2026-12-05"}' >/dev/null || fail "未能接受转介" "it could not be accepted"
s z01 referral outcome "$ref" --d '{"result":"success","summary":"已安排周六下午活动室"}' >/dev/null || fail "未能登记结果" "no outcome could be entered"
wait_for 30 ref_state s01 completed || fail "转介结果没有返回" "the outcome did not come back"
step "转介完成；第二个转介被说明理由后退回" "referral completed; a second one is declined with a reason"
ref=$(s s02 referral send --to "${id_of[s05]}" "$work/ref.json") || fail "未能发出转介" "the referral was not sent"
wait_for 30 ref_state s05 delivered || fail "转介没有送达" "the referral did not arrive"
s s05 referral open "$ref" >/dev/null
s s05 referral decline "$ref" --d '{"reason":"capacity"}' >/dev/null || fail "未能退回转介" "it could not be declined"
wait_for 30 ref_state s02 declined || fail "退回没有返回" "the answer did not come back"

# ---- figures and proof ----
period=$(date -u -d '+8 hours' +%Y-%m)
stat_is() { s "$1" stats --period "$period" --json 2>/dev/null | grep -c "{\"ind\":\"$2\",\"unit\":\"[a-z]*\",\"v\":$3}" >/dev/null; }
step "统计逐级汇总（$period）" "statistics add up tier by tier ($period)"
wait_for 60 stat_is city listing.live "$listings" || fail "全市资源数不是 $listings" "the city's listings are not $listings"
wait_for 60 stat_is city service.done "$services" || fail "全市服务次数不是 $services" "the city's services are not $services"
wait_for 60 stat_is city ref.completed 1 || fail "全市完成转介数不是 1" "the city's completed referrals are not 1"
wait_for 60 stat_is city ref.declined 1 || fail "全市退回转介数不是 1" "the city's declined referrals are not 1"

same() { # every node holds the same federation-wide state as the city
    local n
    s city export-state --audience fed >"$work/city.state" || return 1
    for n in "${order[@]}"; do
        s "$n" export-state --audience fed >"$work/n.state" && cmp -s "$work/city.state" "$work/n.state" || return 1
    done
}
# login NODE: the page's own log-in with the one-time password
login() {
    [ "$(post "$1" /api/login "{\"login\":\"admin\",\"password\":\"${pass_of[$1]}\"}")" = 200 ]
}

if [ $once = 1 ]; then
    step "核对：工作页面可以用一次性密码登录" "check: the staff pages take the one-time passwords"
    for n in city s01; do
        login "$n" || fail "$n 不能登录" "no log-in at $n"
    done
    step "核对：${#order[@]} 个节点状态一致" "check: all ${#order[@]} nodes hold equal state"
    wait_for 60 same || fail "节点状态不一致" "the nodes differ"
    step "核对：统计等于重新计数" "check: statistics equal a recount"
    for n in city lixia shizhong; do
        s "$n" stats --period "$period" --recount --json >"$work/$n.stats" || fail "$n 统计与重算不符" "$n: statistics differ from a recount"
    done
    step "核对：每个节点重新验证全部签名与视图" "check: every node verifies every signature and view"
    for n in "${order[@]}"; do
        s "$n" verify >"$work/$n.verify" 2>&1 || { fail "$n 验证未通过" "$n: verify found something"; head -n 3 "$work/$n.verify" >&2; }
    done
    bundles=$(s city bundles | grep -c .)
    say "汇总：${#order[@]} 个节点，市级持有 $bundles 个签名包，失败 $fails 项" \
        "summary: ${#order[@]} nodes, $bundles signed bundles at the city, $fails failed"
    [ $fails = 0 ] && exit 0
    exit 1
fi

say "" ""
say "已就绪。工作页面与一次性密码（首次登录需修改）：" "Ready. Staff pages and one-time passwords (to be changed at first log-in):"
for n in city lixia shizhong s01 s02 z01; do
    printf '  http://%s   admin / %s   %s\n' "${staff_of[$n]}" "${pass_of[$n]}" "${name_of[$n]}"
done
printf '  http://%s   zhulao / %s   %s\n' "${staff_of[s02]}" "$org_pass" "千佛山社区助老服务队"
say "可以试试：" "Try:"
printf '  %s status --data %s\n' "$sanji" "$work/city"
printf '  echo '\''{"kind":"venue","title":"社区议事厅","capacity":40}'\'' | %s put --data %s listing\n' "$sanji" "$work/s03"
printf '  %s list --data %s listing --search 议事\n' "$sanji" "$work/z02"
printf '  %s stats --data %s --period %s\n' "$sanji" "$work/city" "$period"
say "按 Ctrl-C 结束。" "Ctrl-C ends it."
while :; do
    for p in $pids; do
        kill -0 "$p" 2>/dev/null || { fail "一个守护进程结束了" "a daemon ended"; exit 1; }
    done
    sleep 2
done
