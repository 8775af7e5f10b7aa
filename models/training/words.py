"""Common English words, spoken in random order so that the encoder learns sounds, not sentences."""

_WORDS = """
    a able about above across act add after again against age ago air all allow almost alone along
    already also always among and animal another answer any apple are area arm around art as ask at
    away baby back bad bag ball bank base basket be bear beat beautiful because bed been before
    begin behind believe bell below beside best better between big bird bit black blood blow blue
    board boat body bone book both bottle bottom bowl box boy branch bread break breath bridge
    bright bring broad brother brown build burn bus busy but buy by cake call came camera can car
    card care carry case cat catch cause center chair chance change chart check cheese chest child
    children choose church circle city class clean clear climb clock close cloth cloud coat coffee
    coin cold collect color colour come common complete computer cook cool copy corn corner correct
    cost could count country cover cow create cross crowd cry cup cut dance dark daughter day dead
    deal dear decide deep desk did difference dinner direct do doctor does dog dollar done door dot
    double doubt down draw dream dress drink drive drop dry during dust each ear early earth ease
    east eat edge effect egg eight either else empty end engine enjoy enough even evening ever every
    exact example eye face fact fall family far farm fast father favor fear feed feel feet few field
    fight figure fill final find fine finger finish fire first fish five flat floor flower fly
    follow food foot for force forest forget forward four free fresh friend from front fruit full
    game garden gate gave gentle get giant girl give glad glass go gold gone good grass gray great
    green grey ground group grow guess guide had hair half hand happen happy hard has hat have he
    head hear heart heat heavy held hello help her here high hill him his history hold hole holiday
    home hope horse hot hour house how huge human hundred hurry i ice idea if imagine in inch
    inside interest iron island it it's its job join joy judge jump just keep key kind king kitchen
    knee knew knife know lady lake lamp land language large last late laugh law lay lead leaf learn
    least leave left leg lemon less let letter level lie life lift light like line lion list listen
    little live long look lose loud love low lunch machine made magic main make man many map mark
    market matter may me mean measure meat meet member metal middle might mile milk million mind
    mine minute mirror miss mix modern moment money month moon more morning most mother mountain
    mouse mouth move much music must my name narrow nature near neck need never new next nice night
    nine no noise none north nose not note nothing notice now number object ocean of off offer
    office often oh oil okay old on once one only open or orange order other our out outside over
    own page paint pair paper parent part party pass past pay pen pencil people perhaps period
    person phone picture piece pink place plain plan plane plant plate play please point poor
    position possible pound power present press pretty print problem pull purple push put quarter
    queen question quick quiet quite race radio rain raise range rather reach read ready real reason
    record red remember repeat rest rice rich ride right ring river road rock roll roof room root
    rope rose round row rule run sad safe said sail salt same sand sat save saw say school science
    sea season seat second see seem self sell send sense sentence serve set seven several shade
    shall shape share sharp she sheet shell shine ship shirt shoe shop short shot should shoulder
    shout show side sight sign silent silver simple since sing sister sit six size skin sky sleep
    slow small smell smile snow so soft soil some son song soon sort sound south space speak special
    speed spell spend spoke spot spring square stand star start state stay step stick still stone
    stood stop store story straight strange stream street strong student study such sudden sugar
    summer sun sure surprise sweet swim table tail take talk tall taste teach team tell ten test
    than thank that that's the their them then there these they thick thin thing think third this
    those though thought thousand three through throw thumb tie time tiny to today together told
    tomorrow too took tool tooth top touch toward town toy track trade train travel tree triangle
    trip trouble truck true try turn twelve twenty two under understand until up us use usual valley
    value very view village visit voice wait walk wall want war warm was wash watch water wave way
    we wear weather week weight well went were west what what's wheel when where which while white
    who whole whose why wide wife wild will win wind window wing winter wire wish with woman wonder
    wood word work world would write wrong yard year yellow yes yesterday yet you young your zebra
    zero zoo
"""
COMMON_WORDS = tuple(_WORDS.split())
