"""Requests outside the 150 labels, answered with `out_of_scope`.

CLINC150 has only 100 out-of-scope training utterances. This module adds three
kinds: filled templates on many topics, requests close to a label's domain that
no label covers, and openings of in-scope requests with a foreign ending.
"""

from data import SNIPS_FOREIGN, plain

THINGS = """black holes|volcanoes|earthquakes|the northern lights|solar panels|electric cars|nuclear power|wind turbines
dinosaurs|sharks|dolphins|penguins|honey bees|spiders|snakes|owls|elephants|wolves|house cats|puppies|parrots|goldfish|horses
the roman empire|the french revolution|the cold war|the civil war|the vietnam war|world war two|the great depression|ancient egypt|the vikings|the war of 1812
democracy|communism|capitalism|socialism|feminism|buddhism|christianity|islam|hinduism|the supreme court|the senate|congress|the electoral college|the united nations
diabetes|asthma|cancer|the flu|migraines|depression|anxiety|insomnia|autism|arthritis|high blood pressure|food poisoning|acne|hair loss
chess|poker|blackjack|soccer|basketball|baseball|football|hockey|tennis|golf|cricket|rugby|surfing|boxing|yoga|karate|skiing|swimming
guitars|pianos|violins|drums|jazz|opera|hip hop|rock music|country music|classical music|ballet|sculpture|photography|poetry|modern art|impressionism
python|java|linux|windows|machine learning|artificial intelligence|quantum computers|blockchain|bitcoin|cryptocurrency|firewalls|computer viruses|routers|laptops|video games|virtual reality|3d printers|headphones|televisions
photosynthesis|gravity|evolution|dna|atoms|electricity|magnets|lasers|vaccination|antibiotics|cloning|osmosis|relativity|climate change|global warming|acid rain
hypnosis|astrology|tarot cards|dreams|ghosts|aliens|bigfoot|meditation|personality types|bad habits|procrastination|public speaking
glue|plastic|glass|concrete|paper|steel|cotton|silk|leather|rubber|gasoline engines|airplanes|helicopters|submarines|rockets|elevators|microwaves
index funds|mutual funds|the stock market|real estate|inflation|tariffs|recessions|venture capital|marketing|advertising|social media|podcasts|start ups|franchises
gardening|knitting|woodworking|painting|origami|fishing|hunting|camping|bird watching|stargazing|home brewing|roses|tomatoes|houseplants|lawns|compost
tattoos|piercings|makeup|perfume|sneakers|wedding dresses|diamonds|watches|mattresses|vacuum cleaners|lawn mowers|air conditioners|water heaters|smoke detectors""".replace("\n", "|").split("|")
PEOPLE = """albert einstein|isaac newton|marie curie|charles darwin|nikola tesla|galileo|leonardo da vinci|michelangelo|picasso|van gogh|mozart|beethoven|bach
abraham lincoln|george washington|john f kennedy|barack obama|winston churchill|queen victoria|napoleon|julius caesar|cleopatra|gandhi|martin luther king|nelson mandela|genghis khan
shakespeare|charles dickens|jane austen|mark twain|ernest hemingway|stephen king|j k rowling|tolkien|plato|socrates|aristotle|karl marx|sigmund freud
michael jordan|serena williams|tom brady|babe ruth|muhammad ali|lionel messi|cristiano ronaldo|tiger woods|usain bolt|wayne gretzky|michael phelps
taylor swift|beyonce|elvis presley|michael jackson|madonna|bob dylan|david bowie|the beatles|the rolling stones|queen|nirvana|metallica|drake|rihanna
tom hanks|meryl streep|brad pitt|leonardo dicaprio|julia roberts|morgan freeman|marilyn monroe|charlie chaplin|alfred hitchcock|steven spielberg|quentin tarantino
elon musk|bill gates|steve jobs|jeff bezos|warren buffett|oprah winfrey|walt disney|henry ford|thomas edison|the pope|the vice president|the prime minister of canada""".replace("\n", "|").split("|")
WORKS = """titanic|star wars|the godfather|jurassic park|the lion king|frozen|avatar|jaws|casablanca|the matrix|toy story|harry potter|the hobbit|batman|spiderman
game of thrones|friends|the simpsons|breaking bad|stranger things|seinfeld|the sopranos|star trek|doctor who|sesame street
moby dick|hamlet|macbeth|the odyssey|war and peace|pride and prejudice|the great gatsby|don quixote|the bible|the hunger games
minecraft|fortnite|super mario|zelda|tetris|pokemon|call of duty|the mona lisa|the last supper|starry night|swan lake|hamilton|the nutcracker""".replace("\n", "|").split("|")
PLACES = """france|japan|brazil|egypt|canada|china|india|russia|germany|australia|mexico|kenya|norway|greece|peru|turkey|iceland|vietnam|poland|cuba
texas|california|florida|ohio|alaska|hawaii|new york|michigan|nevada|oregon|virginia|london|paris|rome|tokyo|berlin|chicago|boston|seattle|toronto
the eiffel tower|the louvre|the great wall|the grand canyon|niagara falls|mount everest|the amazon|the nile|the sahara|the white house|stonehenge|the moon|mars|jupiter|saturn""".replace("\n", "|").split("|")
TEAMS = """lakers|bulls|celtics|warriors|knicks|yankees|red sox|dodgers|cubs|giants|patriots|cowboys|packers|eagles|steelers|bears|manchester united
barcelona|real madrid|blackhawks|bruins|penguins|maple leafs|us women's soccer team|university of michigan|duke|notre dame""".replace("\n", "|").split("|")
COMPANIES = """apple|google|amazon|microsoft|facebook|netflix|tesla|disney|nike|walmart|target|boeing|toyota|ford|coca cola|pepsi|starbucks|mcdonalds|ibm
intel|samsung|sony|nintendo|general electric|uber|airbnb|twitter|spotify|paypal|exxon""".replace("\n", "|").split("|")
SUBJECTS = """engineering|nursing|law|medicine|accounting|architecture|biology|chemistry|physics|history|philosophy|psychology|computer science|economics
teaching|dentistry|journalism|graphic design|plumbing|carpentry|welding|acting|cybersecurity|firefighting|data science""".replace("\n", "|").split("|")
FILLERS = {
    "thing": THINGS, "person": PEOPLE, "work": WORKS, "place": PLACES,
    "team": TEAMS, "company": COMPANIES, "subject": SUBJECTS,
}  # fmt: skip

TEMPLATES = """how do {thing} work|how does {thing} work|what are {thing}|who invented {thing}|when was {thing} invented|why do people like {thing}|why are {thing} so popular
what is the history of {thing}|are {thing} dangerous|is {thing} worth it|what is the best book about {thing}|how did {thing} start|who discovered {thing}|what causes {thing}
how can i learn more about {thing}|what are the benefits of {thing}|what are the disadvantages of {thing}|where do {thing} come from|what is the difference between {thing} and {thing}
explain {thing} to me|can you explain how {thing} works|please explain {thing}|show me pictures of {thing}|find me a video about {thing}|write an essay about {thing}|write a poem about {thing}
tell me the history of {thing}|can you summarize {thing}|how many kinds of {thing} are there|is {thing} better than {thing}|what do experts say about {thing}|do you think {thing} is good
how much do {thing} cost|what are the best {thing}|which brand of {thing} is the best|where can i buy {thing}|how long do {thing} last|are {thing} real|are {thing} expensive|how do i fix {thing}
how do i get better at {thing}|how do i get started with {thing}|what are the rules of {thing}|who is the best at {thing}|what is the biggest problem with {thing}|find articles on {thing}
are there any clubs for {thing} nearby|what is the latest news on {thing}|what percentage of people have {thing}|how common is {thing}|is there a cure for {thing}|what do {thing} eat|how big are {thing}
how fast are {thing}|how old are {thing}|what is the most expensive kind of {thing}|can {thing} be harmful|does {thing} really work|what are the symptoms of {thing}|how is {thing} made|how are {thing} made
who is {person}|who was {person}|when was {person} born|where was {person} born|how old is {person}|how did {person} die|when did {person} die|what is {person} known for|how tall is {person}
what is {person}'s net worth|is {person} still alive|who is {person} married to|what did {person} do|what was {person}'s first job|what awards did {person} win|where did {person} live
how many children does {person} have|what is the most famous quote of {person}|was {person} a good person|list the works of {person}|show me a picture of {person}|where did {person} go to school
who directed {work}|who wrote {work}|when did {work} come out|when was {work} released|who plays the main character in {work}|how does {work} end|is {work} any good|how many awards did {work} win
how long is {work}|what is {work} about|where can i watch {work}|where was {work} filmed|how much money did {work} make|who is the villain in {work}|is there going to be a sequel to {work}|what is the best scene in {work}
read me {work}|what is the rating of {work}|when is the next season of {work}|how many pages does {work} have|who composed the music of {work}
what is the capital of {place}|who is the president of {place}|what is the population of {place}|how many people live in {place}|how big is {place}|when was {place} founded|who discovered {place}
what is the tallest building in {place}|what is the main religion in {place}|what is {place} famous for|who built {place}|how old is {place}|what is the crime rate in {place}|what is the flag of {place}
what is the economy of {place} like|what wars has {place} been in|who rules {place}|how tall is {place}|is there life on {place}|what rivers run through {place}|what is the minimum wage in {place}
show me the news from {place}|what are the largest cities in {place}|how many airports are in {place}|what do people in {place} do for fun|how do elections work in {place}|what is the cost of living in {place}
did the {team} win|what is the score of the {team} game|when do the {team} play next|who is the coach of the {team}|how many championships have the {team} won|who is the best player on the {team}
get me tickets for the {team}|what is the record of the {team}|where do the {team} play|who owns the {team}|who won the {team} game last night|what channel is the {team} game on|are the {team} any good this year
what is the stock price of {company}|how much is a share of {company}|should i invest in {company}|who founded {company}|who is the ceo of {company}|when was {company} founded|where is {company} based
what does {company} sell|how many people work at {company}|how much money did {company} make last year|is {company} hiring|what are some deals at {company}|buy ten shares of {company}|how do i contact {company}
is {company} stock going up|what is the market value of {company}|how is {company} doing in the market|show me news about {company}|what are the best products of {company}|does {company} pay well
how do i become good at {subject}|what is the best school for {subject}|how long does it take to get a degree in {subject}|what jobs can i get with {subject}|how much do people in {subject} make|is {subject} hard to study
help me study for my {subject} exam|who is the most famous name in {subject}|what are the main ideas of {subject}|when do {subject} classes start|find me a {subject} tutor|what gpa do i need for {subject}
are there any {subject} jobs near here|find me a job in {subject}|what is the future of {subject}|do i need a license for {subject}|recommend a course in {subject}|write my {subject} homework""".replace("\n", "|").split("|")

# Requests of the labels' domains (money, travel, food, cars, office, home, small talk) that no label covers.
NEAR = """how do i open a savings account|close my checking account|what are the hours of my bank|is my bank open on sunday|does the bank have a notary|where is the nearest atm|how do i get a mortgage
how do i apply for a business loan|what is the penalty for late taxes|what is a good way to save money|how do i make a budget|how do i invest my savings|what is a cash advance|how much is an overdraft fee
change the address on my account|add my wife to my account|remove my husband from my account|change the phone number on my account|how do i write a check|how long does a wire transfer take
warn me when my account runs low|how do i cash a money order|what is my bank's phone number|who is my bank manager|can i deposit a check with my phone|how do i dispute a charge with the bank ombudsman|what is a credit union
how do i file for bankruptcy|how do i get out of debt|consolidate my debts|how does compound interest work|is my money insured|open a college fund|what is the minimum age for an account|download my statements
what is the best airline|how fast do planes fly|which seat is mine|change my seat to a window seat|upgrade me to first class|how do i check in online|is there wifi on the plane|can i bring my dog on the plane
how early should i be at the airport|book a train ticket|book a cruise|where can i park at the airport|when does the museum open|buy tickets to the zoo|find me a tour guide|what is the bus schedule|how do i renew my passport
find a bed and breakfast with a pool|how do i get to the top of the mountain|do i need travel insurance|is the subway safe|rent me a bike|rent a boat|how do i deal with jet lag|what should i pack
how do i sharpen a knife|how do i clean the oven|what is the best frying pan|is my fridge broken|is the stove on|how many eggs do i have left|who invented pizza|where do bananas grow|is coffee bad for you|what wine goes with fish
how do i get a stain out of a shirt|how do i unclog the sink|how do i clean a grill|which blender should i buy|how much do waiters earn|do they have outdoor seating|do they have vegan options
is there parking at the restaurant|how much should i tip|what is the dress code|how do i become a chef|can dogs eat chocolate|how do i lose weight|how much water should i drink|is gluten bad for me|how do i start a diet
where is the dipstick|what size wipers do i need|how do i open the hood|where is the spare wheel|how do i turn on the heater in my car|what is my car worth|sell my car|how do i get a driver's license|when does my registration expire
what is the speed limit here|how do i parallel park|find a used truck for sale|what is the fastest car|when was the car invented|how do i change the headlight bulb|how do i wash my car|how do i replace the battery of my key fob
what does the dashboard light stand for|where can i charge my electric car|report an accident|pay my parking ticket|how do i turn off cruise control|is my car still under warranty|what color is my car|how do i get a scratch out
how do i write a resume|who is my boss|what is the dress code at work|how do i ask for a raise|how do i quit my job|send an email to my boss|print this document|read my emails|how many emails do i have|scan this page
book a desk for tomorrow|who is in the office today|what is the wifi password|how do i reset my computer password|write a report for my boss|make a presentation|where is the cafeteria|is my job safe
how do i file a complaint with human resources|what is the company policy on gifts|when is my performance review|how do i join the union|start a video call|record this meeting|take notes for me|what is my employee number
feed the cat|walk the dog|clean my room|wash the dishes|do the laundry|mow the lawn|who is at the door|is the garage open|show me the camera in the backyard|what is on tv tonight|change the channel
record my show|download the movie|post this on facebook|take a picture|take a selfie|open the browser|search the web for this|open my photos|update the software|install the app|delete the app|how much storage do i have left
what is my battery level|turn on the flashlight|why is my phone so slow|back up my phone|scan for viruses|block this number|who called me last|read the news|what are the headlines|show me the top stories
what is in the news today|play a game with me|let's play chess|sing me a song|read me a story|read me a book|tell me a secret|do you love me|will you marry me|do you sleep|can you cook|do you dream|i feel sad
i am so bored|i had a bad day|the sky is blue|that was a strange movie|i like turtles|birds can fly|cats and dogs|king of the hill|a long story|one two three|lorem ipsum|hello world program|it is raining men
how do i tie a tie|how do i get a girlfriend|how do i make friends|what should i name my baby|what should i wear today|how do i stop snoring|why is the sky blue|why is the grass green|how many planets are there|what is the speed of light
how deep is the ocean|who was the first man on the moon|who won the world series|who won the super bowl|who won the election|who is the governor|when is the next election|how do i register to vote|what is the tallest mountain
how do i find the area of a circle|what is the formula for the volume of a sphere|how many sides does a hexagon have|how do i find the median|what is a prime number|how do i factor a polynomial|what is the pythagorean theorem
what is the national debt|what is the unemployment rate|how is the market doing|what is the dow at|is the market up today|what is bitcoin worth|what are the winning lottery numbers|buy me a lottery ticket|what is my horoscope
is it legal to record a call|how do i sue someone|how do i get a divorce|find me a lawyer|find me a dentist|make a doctor's appointment|what are the symptoms of a cold|how do i treat a burn|is this rash dangerous|how do i stop a nosebleed
find me an apartment|how do i sell my house|how much is rent in the city|find a plumber|find a babysitter|hire an electrician|how do i paint a wall|how do i hang a shelf|how do i fix a leaky faucet|how do i get rid of ants
where can i donate clothes|how do i adopt a child|how do i adopt a dog|what do i feed a hamster|how long do turtles live|which dog breed is the friendliest|how do i train a puppy|why does my cat bite|where can i go fishing""".replace("\n", "|").split("|")
def fill(template, rng):
    while "{" in template:
        start, end = template.index("{"), template.index("}")
        template = template[:start] + rng.choice(FILLERS[template[start + 1 : end]]) + template[end + 1 :]
    return template


class OutOfScope:
    """Draws out-of-scope utterances, a new set for every epoch."""

    def __init__(self, clinc, snips, questions):
        self.given = [text for text, _ in clinc["oos_train"]]
        self.in_scope = [text for text, _ in clinc["train"]]
        foreign = [example for example in snips if example.intent in SNIPS_FOREIGN]
        self.foreign = [plain(example.render()[0]) for example in foreign]
        self.names = [p.strip().lower() for e in foreign for p, n in e.chunks if n in ("object_name", "movie_name")]
        self.questions = questions

    def spliced(self, rng):
        """The first two or three words of a request, then something else: an
        opening such as "what is the" alone is no evidence for a label."""
        opening = rng.choice(self.in_scope).split()[: rng.choice((2, 2, 3))]
        return " ".join(opening) + " " + rng.choice(rng.choice((self.names, THINGS, PEOPLE, WORKS)))

    def draw(self, rng, repeats=6):
        """About 3,000 utterances; the genuine ones come `repeats` times."""
        rows = self.given * repeats
        rows += [fill(rng.choice(TEMPLATES), rng) for _ in range(900)]
        rows += rng.choices(NEAR, k=300)
        rows += rng.sample(self.questions, 600)
        rows += rng.sample(self.foreign, 200)
        rows += [self.spliced(rng) for _ in range(250)]
        return rows
